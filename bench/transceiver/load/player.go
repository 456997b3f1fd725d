package main

import (
	"runtime"
	"sync/atomic"

	"github.com/pion/rtp"
)

const (
	frameNs      = 20_000_000
	frameSamples = 960 // at Opus' RTP clock, RFC 7587 §4.1
)

// sent is one packet as it left, in the order of its file.
type sent struct {
	Call   uint32
	Packet uint32 // of the speech, from 0
	DueNs  int64
	AtNs   int64
}

// player sends for all calls from one thread of its own; the calls are spread over the 20 ms and over the speech.
type player struct {
	calls   []*call
	speech  [][]byte
	keep    keeping
	over    atomic.Bool
	done    chan struct{}
	written []sent
}

func play(calls []*call, speech [][]byte, keep keeping) *player {
	playing := &player{calls: calls, speech: speech, keep: keep, done: make(chan struct{})}
	go playing.run()
	return playing
}

func (p *player) stop() {
	p.over.Store(true)
	<-p.done
}

// records may be asked for when the player has stopped.
func (p *player) records() []sent { return p.written }

func (p *player) run() {
	defer close(p.done)
	runtime.LockOSThread()
	start := monotonic() + frameNs
	ahead := realtime() - monotonic()
	for round := int64(0); !p.over.Load(); round++ {
		for index := range p.calls {
			due := start + round*frameNs + int64(index)*frameNs/int64(len(p.calls))
			if monotonic() < due {
				sleepUntil(due)
			}
			p.send(index, round, due+ahead)
		}
	}
}

func (p *player) send(index int, round, dueNs int64) {
	first := index * len(p.speech) / len(p.calls)
	packet := (first + int(round)) % len(p.speech)
	if atNs := realtime(); p.keep.has(atNs) {
		p.written = append(p.written, sent{uint32(index), uint32(packet), dueNs, atNs})
	}
	header := rtp.Header{
		Version: 2, Marker: round == 0, SequenceNumber: uint16(round), Timestamp: uint32(round) * frameSamples,
	}
	// A call that is lost while it is measured shows by what does not come back.
	_ = p.calls[index].track.WriteRTP(&rtp.Packet{Header: header, Payload: p.speech[packet]})
}
