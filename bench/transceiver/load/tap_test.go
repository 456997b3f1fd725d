package main

import (
	"net"
	"testing"
	"time"

	"github.com/pion/transport/v4"
)

var rtpPacket = []byte{0x80, 0x80 | 111, 0x01, 0x02, 0, 0, 0x03, 0xC0, 0, 0, 0, 1, 42}

func TestAPacketHasTheTimeOfItsArrivalNotOfItsReading(t *testing.T) {
	heard, err := newTap(keeping{})
	if err != nil {
		t.Fatal(err)
	}
	receiver, err := heard.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.Close()
	sender, err := net.Dial("udp4", receiver.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()

	// The kernel begins to stamp a moment after the first socket of the machine has asked for it.
	before, read := passOn(t, sender, receiver)
	for tries := 0; heard.arrivals(7)[tries].AtNs >= read && tries < 50; tries++ {
		before, read = passOn(t, sender, receiver)
	}

	all := heard.arrivals(7)
	last := all[len(all)-1]
	if last.AtNs < before || last.AtNs >= read {
		t.Fatalf("sent at %d, read from %d: %+v", before, read, all)
	}
	last.AtNs = 0
	if (last != arrived{Call: 7, Timestamp: 960, Sequence: 0x102, Bytes: 13, Marker: 1}) {
		t.Fatalf("%+v", last)
	}
}

// passOn sends one packet and reads it some time later: when it was sent at the earliest, and when it was read at the earliest.
func passOn(t *testing.T, sender net.Conn, receiver transport.UDPConn) (int64, int64) {
	t.Helper()
	before := realtime()
	if _, err := sender.Write(rtpPacket); err != nil {
		t.Fatal(err)
	}
	// Long enough for the kernel; what is read late must not look late.
	time.Sleep(50 * time.Millisecond)
	read := realtime()
	if _, _, err := receiver.ReadFrom(make([]byte, 1500)); err != nil {
		t.Fatal(err)
	}
	return before, read
}

func TestOfALongLoadOnlyAPartIsKept(t *testing.T) {
	minute := keeping{first: 4 * time.Second, every: time.Minute}
	heard, err := newTap(minute)
	if err != nil {
		t.Fatal(err)
	}
	for second := int64(0); second < 180; second++ {
		heard.note(rtpPacket, second*int64(time.Second))
	}
	if all := heard.arrivals(0); len(all) != 12 || all[4].AtNs != 60*int64(time.Second) {
		t.Fatalf("%+v", all)
	}
	if !(keeping{}).has(59 * int64(time.Second)) {
		t.Error("nothing was said of what to keep, and something is not kept")
	}
}

func TestOnlyRTPIsNoted(t *testing.T) {
	for name, packet := range map[string][]byte{
		"STUN":           append([]byte{0, 1, 0, 0}, make([]byte, 16)...),
		"DTLS":           append([]byte{22, 254, 253}, make([]byte, 20)...),
		"RTCP":           append([]byte{0x80, 200}, make([]byte, 26)...),
		"nothing of RTP": {0x80, 111},
	} {
		if isRTP(packet) {
			t.Errorf("%s was taken for RTP", name)
		}
	}
	if !isRTP(rtpPacket) {
		t.Error("RTP was not recognised")
	}
}
