package main

import (
	"encoding/binary"
	"net"
	"sync"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"golang.org/x/sys/unix"
)

// arrived is one RTP packet as the kernel received it. Its header is not encrypted (RFC 3711 §3.1).
type arrived struct {
	Call      uint32
	Timestamp uint32
	Sequence  uint16
	Bytes     uint16
	Marker    uint32
	AtNs      int64
}

// tap notes when the packets of one call arrived, by the kernel's clock: so nothing that this process does late is in it.
type tap struct {
	*stdnet.Net
	keep keeping

	mutex sync.Mutex
	heard []arrived
}

func newTap(keep keeping) (*tap, error) {
	network, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	return &tap{Net: network, keep: keep}, nil
}

// arrivals are all so far, said to be of that call.
func (t *tap) arrivals(call int) []arrived {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	all := append([]arrived(nil), t.heard...)
	for index := range all {
		all[index].Call = uint32(call)
	}
	return all
}

// ListenUDP is where pion gets the socket of a candidate.
func (t *tap) ListenUDP(network string, local *net.UDPAddr) (transport.UDPConn, error) {
	opened, err := net.ListenUDP(network, local)
	if err != nil {
		return nil, err
	}
	raw, err := opened.SyscallConn()
	if err != nil {
		return nil, err
	}
	err = raw.Control(func(descriptor uintptr) {
		_ = unix.SetsockoptInt(int(descriptor), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	})
	return &tappedConn{UDPConn: opened, tap: t}, err
}

type tappedConn struct {
	*net.UDPConn
	tap     *tap
	control [64]byte
}

// ReadFrom has one caller at a time: the candidate's own goroutine.
func (c *tappedConn) ReadFrom(buffer []byte) (int, net.Addr, error) {
	length, controlLength, _, from, err := c.ReadMsgUDP(buffer, c.control[:])
	if err != nil {
		return length, nil, err
	}
	if isRTP(buffer[:length]) {
		c.tap.note(buffer[:length], stampOf(c.control[:controlLength]))
	}
	return length, from, nil
}

// isRTP tells RTP from STUN, DTLS (RFC 7983 §7) and RTCP (RFC 5761 §4).
func isRTP(packet []byte) bool {
	return len(packet) >= 12 && packet[0]>>6 == 2 && (packet[1] < 192 || packet[1] > 223)
}

func (t *tap) note(packet []byte, atNs int64) {
	if !t.keep.has(atNs) {
		return
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.heard = append(t.heard, arrived{
		Timestamp: binary.BigEndian.Uint32(packet[4:]),
		Sequence:  binary.BigEndian.Uint16(packet[2:]),
		Bytes:     uint16(len(packet)),
		Marker:    uint32(packet[1] >> 7),
		AtNs:      atNs,
	})
}

// stampOf reads the one control message that the socket was asked for: a header of 16 bytes, seconds, nanoseconds.
func stampOf(control []byte) int64 {
	if len(control) < 32 || binary.NativeEndian.Uint32(control[12:]) != unix.SCM_TIMESTAMPNS {
		return realtime()
	}
	return int64(binary.NativeEndian.Uint64(control[16:]))*1e9 + int64(binary.NativeEndian.Uint64(control[24:]))
}
