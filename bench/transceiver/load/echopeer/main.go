// Echopeer is a pion server that decodes and encodes what it hears and says it back: a peer of bench/transceiver.
//
// It takes offers as the product does, POST of SDP, and prints one line when it can.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address of the HTTP server")
	flag.Parse()
	if err := serve(*listen); err != nil {
		fmt.Fprintln(os.Stderr, "echopeer:", err)
		os.Exit(1)
	}
}

func serve(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	api, err := newAPI()
	if err != nil {
		return err
	}
	http.HandleFunc("POST /v1/realtime/calls", func(writer http.ResponseWriter, request *http.Request) {
		offer, err := io.ReadAll(io.LimitReader(request.Body, 1<<16))
		if err != nil {
			return
		}
		answer, err := accept(api, string(offer))
		if err != nil {
			http.Error(writer, err.Error(), http.StatusBadRequest)
			return
		}
		writer.Header().Set("Content-Type", "application/sdp")
		writer.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(writer, answer)
	})
	fmt.Println("serving", listener.Addr())
	return http.Serve(listener, nil)
}

func newAPI() (*webrtc.API, error) {
	var settings webrtc.SettingEngine
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetIPFilter(net.IP.IsLoopback)
	media, interceptors := &webrtc.MediaEngine{}, &interceptor.Registry{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	if err := webrtc.ConfigureRTCPReports(interceptors); err != nil {
		return nil, err
	}
	return webrtc.NewAPI(
		webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(interceptors),
	), nil
}

func accept(api *webrtc.API, offer string) (string, error) {
	connection, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", err
	}
	connection.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateFailed || state == webrtc.PeerConnectionStateDisconnected {
			_ = connection.Close()
		}
	})
	answer, err := answered(connection, offer)
	if err != nil {
		_ = connection.Close()
	}
	return answer, err
}

func answered(connection *webrtc.PeerConnection, offer string) (string, error) {
	capability := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}
	out, err := webrtc.NewTrackLocalStaticRTP(capability, "audio", "echo")
	if err != nil {
		return "", err
	}
	sender, err := connection.AddTrack(out)
	if err != nil {
		return "", err
	}
	go discard(sender)
	connection.OnTrack(func(in *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { echo(in, out) })
	if err := connection.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	answer, err := connection.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(connection)
	if err := connection.SetLocalDescription(answer); err != nil {
		return "", err
	}
	<-gathered
	return connection.LocalDescription().SDP, nil
}

// discard reads reports, which pion's interceptors see only so.
func discard(sender *webrtc.RTPSender) {
	buffer := make([]byte, 1500)
	for {
		if _, _, err := sender.Read(buffer); err != nil {
			return
		}
	}
}

func echo(in *webrtc.TrackRemote, out *webrtc.TrackLocalStaticRTP) {
	made, err := newCodec()
	if err != nil {
		fmt.Fprintln(os.Stderr, "echopeer:", err)
		return
	}
	var sequence uint16
	for {
		packet, _, err := in.ReadRTP()
		if err != nil {
			return
		}
		payload, err := made.again(packet.Payload)
		if err != nil {
			continue
		}
		header := rtp.Header{Version: 2, Marker: packet.Marker, SequenceNumber: sequence, Timestamp: packet.Timestamp}
		if out.WriteRTP(&rtp.Packet{Header: header, Payload: payload}) != nil {
			return
		}
		sequence++
	}
}
