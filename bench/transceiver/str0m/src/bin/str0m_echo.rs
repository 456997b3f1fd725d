//! A str0m server that decodes and encodes what it hears and says it back: a peer of bench/transceiver.
//!
//! `str0m_echo HTTP_ADDRESS`; it takes offers as the product does, POST of SDP, and prints one line when it can. One
//! UDP socket and one thread hold all calls.

use std::collections::HashMap;
use std::error::Error;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use std::{env, thread};

use antiphon_bench_transceiver::codec::Codec;
use antiphon_bench_transceiver::http;
use str0m::change::SdpOffer;
use str0m::crypto::from_feature_flags;
use str0m::media::MediaData;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcConfig};

type Failure = Box<dyn Error + Send + Sync>;

/// How often the calls' timers are looked at; none of them is for media.
const TIMERS: Duration = Duration::from_millis(2);

struct Offered {
    offer: String,
    answer: Sender<Result<String, Failure>>,
}

fn main() -> Result<(), Failure> {
    from_feature_flags().install_process_default();
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    let listener = TcpListener::bind(address)?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(TIMERS))?;
    println!("serving {}", listener.local_addr()?);
    let (offers, offered) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let offers = offers.clone();
            thread::spawn(move || negotiate(&stream, &offers));
        }
    });
    Calls { local: socket.local_addr()?, socket, live: HashMap::new(), by_address: HashMap::new(), next: 0 }
        .run(&offered)
}

fn negotiate(stream: &TcpStream, offers: &Sender<Offered>) -> Result<(), Failure> {
    let (answer, answered) = channel();
    offers.send(Offered { offer: http::read_body(stream)?, answer })?;
    match answered.recv()? {
        Ok(answer) => http::answer(stream, "201 Created", &answer)?,
        Err(failure) => http::answer(stream, "400 Bad Request", &failure.to_string())?,
    }
    Ok(())
}

struct Call {
    rtc: Rtc,
    codec: Codec,
    due: Instant,
}

struct Calls {
    local: SocketAddr,
    socket: UdpSocket,
    live: HashMap<u64, Call>,
    by_address: HashMap<SocketAddr, u64>,
    next: u64,
}

impl Calls {
    fn run(&mut self, offered: &Receiver<Offered>) -> Result<(), Failure> {
        let mut buffer = [0; 2000];
        let mut look_at = Instant::now();
        loop {
            match self.socket.recv_from(&mut buffer) {
                Ok((length, source)) => self.receive(source, buffer.get(..length).unwrap_or_default()),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error.into()),
            }
            let now = Instant::now();
            if now < look_at {
                continue;
            }
            look_at = now + TIMERS;
            for Offered { offer, answer } in offered.try_iter() {
                // Who asked may be gone.
                let _ = answer.send(self.accept(&offer));
            }
            self.turn(now);
        }
    }

    fn accept(&mut self, offer: &str) -> Result<String, Failure> {
        let config = RtcConfig::new().set_ice_lite(true).clear_codecs().enable_opus(true, false);
        let mut rtc = config.build(Instant::now());
        rtc.add_local_candidate(Candidate::host(self.local, "udp")?);
        let answer = rtc.sdp_api().accept_offer(SdpOffer::from_sdp_string(offer)?)?;
        self.live.insert(self.next, Call { rtc, codec: Codec::new()?, due: Instant::now() });
        self.next += 1;
        Ok(answer.to_sdp_string())
    }

    fn receive(&mut self, source: SocketAddr, datagram: &[u8]) {
        let Ok(contents) = datagram.try_into() else { return };
        let now = Instant::now();
        let received = Receive { proto: Protocol::Udp, source, destination: self.local, contents };
        let input = Input::Receive(now, received);
        let known = self.by_address.get(&source).copied();
        let number = known.or_else(|| self.live.iter().find(|(_, call)| call.rtc.accepts(&input)).map(|(&key, _)| key));
        let Some((number, call)) = number.and_then(|number| Some((number, self.live.get_mut(&number)?))) else {
            return;
        };
        self.by_address.insert(source, number);
        if call.rtc.handle_input(input).and_then(|()| call.drain(&self.socket)).is_err() {
            self.live.remove(&number);
        }
    }

    fn turn(&mut self, now: Instant) {
        for call in self.live.values_mut().filter(|call| call.due <= now) {
            if call.rtc.handle_input(Input::Timeout(now)).and_then(|()| call.drain(&self.socket)).is_err() {
                call.rtc.disconnect();
            }
        }
        self.live.retain(|_, call| call.rtc.is_alive());
        self.by_address.retain(|_, number| self.live.contains_key(number));
    }
}

impl Call {
    /// Until there is nothing more to do before `due`.
    fn drain(&mut self, socket: &UdpSocket) -> Result<(), str0m::RtcError> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(due) => {
                    self.due = due;
                    return Ok(());
                }
                Output::Transmit(datagram) => {
                    // A full socket buffer loses it, as a network would.
                    let _ = socket.send_to(&datagram.contents, datagram.destination);
                }
                Output::Event(Event::MediaData(heard)) => self.say_back(&heard)?,
                Output::Event(Event::IceConnectionStateChange(IceConnectionState::Disconnected)) => {
                    self.rtc.disconnect();
                }
                Output::Event(_) => {}
            }
        }
    }

    fn say_back(&mut self, heard: &MediaData) -> Result<(), str0m::RtcError> {
        let Some(writer) = self.rtc.writer(heard.mid) else { return Ok(()) };
        let Some(payload_type) = writer.match_params(heard.params) else { return Ok(()) };
        match self.codec.again(&heard.data) {
            Ok(packet) => writer.write(payload_type, heard.network_time, heard.time, packet),
            Err(_) => Ok(()),
        }
    }
}
