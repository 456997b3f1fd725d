//! A thread that decodes and encodes: every call is some worker's, from its beginning to its end.

use std::collections::HashMap;

use antiphon_media::deadlines::Deadlines;
use antiphon_media::inbox::{Delivery, Handle, Kind};

use crate::clock::now_us;
use crate::end_process::EndProcessOnPanic;
use crate::exchange::Exchange;
use crate::mailbox::{Command, Job, Mailbox};
use crate::post::Post;

/// Serves until the mailbox says stop.
pub fn run(exchange: &Exchange, mailbox: &Mailbox) {
    let _guard = EndProcessOnPanic;
    let mut worker =
        Worker { exchange, mailbox, posts: HashMap::new(), deadlines: Deadlines::default(), bell_us: None };
    loop {
        match mailbox.next(worker.due_us()) {
            Job::Command(command) => worker.heed(command),
            Job::Packet(delivery) => worker.receive(delivery),
            Job::Encode(handle) => worker.encode(handle),
            Job::TimeOut => worker.wake(),
            Job::Stop => return,
        }
    }
}

struct Worker<'a> {
    exchange: &'a Exchange,
    mailbox: &'a Mailbox,
    posts: HashMap<Handle, Post>,
    deadlines: Deadlines<Handle>,
    /// When Python is to be told of speech that waits.
    bell_us: Option<u64>,
}

impl Worker<'_> {
    fn due_us(&self) -> Option<u64> {
        [self.deadlines.next_us(), self.bell_us].into_iter().flatten().min()
    }

    fn heed(&mut self, command: Command) {
        match command {
            Command::Open { call, encoder, decoder } => {
                self.posts.insert(call.handle, Post::new(call, encoder, decoder));
            }
            Command::Adopt { call, encoder, hearing } => {
                let handle = call.handle;
                self.posts.insert(handle, Post::adopted(call, encoder, hearing));
                self.attend(handle, |_, _| false);
            }
            Command::Start { handle, keys, rtt_us } => {
                self.attend(handle, |post, exchange| {
                    post.start(exchange, &keys, rtt_us);
                    false
                });
            }
            Command::Close { handle } => {
                self.posts.remove(&handle);
                self.deadlines.set(handle, None);
            }
            Command::Slot { handle, slot } => {
                if let Some(post) = self.posts.get_mut(&handle) {
                    post.send_slot(self.exchange, slot);
                }
            }
        }
    }

    /// Of a call that did not start, or is over, packets are nothing.
    fn receive(&mut self, delivery: Delivery) {
        let Delivery { handle, kind, payload, via, came_us } = delivery;
        self.attend(handle, |post, exchange| match kind {
            Kind::Rtp => post.receive_rtp(exchange, payload, via, came_us),
            Kind::Rtcp => post.receive_rtcp(exchange, payload, via, came_us),
            Kind::Mark => post.mark(exchange),
            Kind::Checked | Kind::Dtls | Kind::SetupTimeout | Kind::ConsentLost => false,
        });
    }

    /// One frame; then it is others' turn.
    fn encode(&mut self, handle: Handle) {
        if self.posts.get_mut(&handle).is_some_and(Post::encode) {
            self.mailbox.encode(handle);
        }
    }

    fn wake(&mut self) {
        let now_us = now_us();
        if self.bell_us.is_some_and(|bell_us| bell_us <= now_us) {
            self.bell_us = self.exchange.ring(now_us);
        }
        if let Some(handle) = self.deadlines.pop(now_us) {
            self.attend(handle, |post, exchange| post.poll(exchange, now_us));
        }
    }

    /// Does something with a call that may make its speech wait for Python.
    fn attend(&mut self, handle: Handle, act: impl FnOnce(&mut Post, &Exchange) -> bool) {
        let Some(post) = self.posts.get_mut(&handle) else { return };
        let has_spoken = act(post, self.exchange);
        self.deadlines.set(handle, post.due_us());
        if has_spoken {
            self.bell_us = self.exchange.ring(now_us());
        }
    }
}
