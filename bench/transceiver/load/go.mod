module antiphon.dev/bench/transceiver/load

go 1.25

require (
	github.com/coder/websocket v1.8.15
	github.com/pion/ice/v4 v4.2.0
	github.com/pion/interceptor v0.1.43
	github.com/pion/rtcp v1.2.16
	github.com/pion/rtp v1.10.0
	github.com/pion/transport/v4 v4.0.1
	github.com/pion/webrtc/v4 v4.2.3
	golang.org/x/sys v0.30.0
)

require (
	github.com/google/uuid v1.6.0 // indirect
	github.com/pion/datachannel v1.6.0 // indirect
	github.com/pion/logging v0.2.4 // indirect
	github.com/pion/mdns/v2 v2.1.0 // indirect
	github.com/pion/randutil v0.1.0 // indirect
	github.com/pion/sctp v1.9.2 // indirect
	github.com/pion/sdp/v3 v3.0.17 // indirect
	github.com/pion/srtp/v3 v3.0.10 // indirect
	github.com/pion/stun/v3 v3.1.1 // indirect
	github.com/pion/turn/v4 v4.1.4 // indirect
	github.com/wlynxg/anet v0.0.5 // indirect
	golang.org/x/crypto v0.33.0 // indirect
	golang.org/x/net v0.35.0 // indirect
	golang.org/x/time v0.10.0 // indirect
)

// 3.0.10, which webrtc 4.2.3 asks for, may repeat a GCM nonce (CVE-2026-26014).
require github.com/pion/dtls/v3 v3.0.11 // indirect
