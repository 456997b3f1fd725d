package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"sync"

	"github.com/coder/websocket"
)

const (
	// A caller's sound is said back so much later, so that the server always has the next frame when it is due.
	leadSamples = 24_000 * 200 / 1000
	// Of so many calls the sound itself is kept, to find the pulses in it.
	keptCalls    = 16
	largestEvent = 1 << 20
)

// chunk is PCM as the agent received it: when, and where in the call's sound it ends.
type chunk struct {
	Call       uint32
	EndSamples uint32
	AtNs       int64
}

// ear is an agent in the Realtime protocol: it notes when sound arrives, and says it back at once.
type ear struct {
	mutex sync.Mutex
	heard []*hearing
}

// hearing is one call's sound; `placed` is -1 until the session's instructions say whose it is.
type hearing struct {
	mutex   sync.Mutex
	placed  int
	samples uint32
	chunks  []chunk
	pcm     []byte
}

func openEar(address string) (*ear, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	opened := &ear{}
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/realtime", opened.serve)
	go func() { _ = http.Serve(listener, mux) }()
	return opened, nil
}

func (e *ear) serve(writer http.ResponseWriter, request *http.Request) {
	socket, err := websocket.Accept(writer, request, nil)
	if err != nil {
		return
	}
	defer socket.CloseNow()
	socket.SetReadLimit(largestEvent)
	listening := &hearing{placed: -1}
	e.mutex.Lock()
	e.heard = append(e.heard, listening)
	e.mutex.Unlock()
	listening.converse(request.Context(), socket)
}

func (e *ear) hearings() []*hearing {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return append([]*hearing(nil), e.heard...)
}

type clientEvent struct {
	Type    string `json:"type"`
	Audio   string `json:"audio"`
	Session struct {
		Instructions string `json:"instructions"`
	} `json:"session"`
}

func (h *hearing) converse(ctx context.Context, socket *websocket.Conn) {
	const created = `{"type":"session.created","event_id":"e","session":{"type":"realtime","id":"s"}}`
	if socket.Write(ctx, websocket.MessageText, []byte(created)) != nil {
		return
	}
	speaking := false
	for {
		_, message, err := socket.Read(ctx)
		atNs := realtime()
		if err != nil {
			return
		}
		var event clientEvent
		if json.Unmarshal(message, &event) != nil {
			return
		}
		switch event.Type {
		case "session.update":
			h.recognise(event.Session.Instructions)
		case "input_audio_buffer.append":
			h.note(event.Audio, atNs)
			if !speaking {
				speaking = true
				lead := base64.StdEncoding.EncodeToString(make([]byte, 2*leadSamples))
				if socket.Write(ctx, websocket.MessageText, delta(lead)) != nil {
					return
				}
			}
			if socket.Write(ctx, websocket.MessageText, delta(event.Audio)) != nil {
				return
			}
		}
	}
}

func delta(audio string) []byte {
	const before = `{"type":"response.output_audio.delta","event_id":"e","response_id":"r","item_id":"i",` +
		`"output_index":0,"content_index":0,"delta":"`
	return append(append(append(make([]byte, 0, len(before)+len(audio)+2), before...), audio...), `"}`...)
}

func (h *hearing) recognise(instructions string) {
	placed, err := strconv.Atoi(instructions)
	if err != nil {
		return
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.placed = placed
	if placed >= keptCalls {
		h.pcm = nil
	}
}

func (h *hearing) note(audio string, atNs int64) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	bytes := base64.StdEncoding.DecodedLen(len(audio))
	for end := len(audio) - 1; end >= 0 && audio[end] == '='; end-- {
		bytes--
	}
	h.samples += uint32(bytes / 2)
	h.chunks = append(h.chunks, chunk{EndSamples: h.samples, AtNs: atNs})
	if h.placed >= keptCalls {
		return
	}
	if pcm, err := base64.StdEncoding.DecodeString(audio); err == nil {
		h.pcm = append(h.pcm, pcm...)
	}
}
