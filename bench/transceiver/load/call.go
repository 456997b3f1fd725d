package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

const placedAtOnce = 4

// errRefused is an answer other than 201: the server said no, as it should when it is full.
var errRefused = errors.New("refused")

type report struct {
	seen bool
	lost int64
}

type call struct {
	placed     int // among all that were tried
	connection *webrtc.PeerConnection
	track      *webrtc.TrackLocalStaticRTP
	tap        *tap

	mutex  sync.Mutex
	latest report
}

type refusals struct {
	refused int
	failed  int
	why     string
}

// placeCalls connects the calls, a few at a time: what is measured is calls, not their set-up.
func placeCalls(asked options) ([]*call, refusals) {
	certificate, err := newCertificate()
	if err != nil {
		return nil, refusals{why: err.Error()}
	}
	ctx, cancel := context.WithTimeout(context.Background(), asked.patience)
	defer cancel()
	placed, errs := make([]*call, asked.calls), make([]error, asked.calls)
	var all sync.WaitGroup
	places := make(chan struct{}, placedAtOnce)
	for index := range placed {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			placed[index], errs[index] = place(ctx, asked, certificate, index)
		})
	}
	all.Wait()
	return sortOut(placed, errs)
}

func sortOut(placed []*call, errs []error) ([]*call, refusals) {
	var connected []*call
	var not refusals
	for index, err := range errs {
		switch {
		case err == nil:
			connected = append(connected, placed[index])
			continue
		case errors.Is(err, errRefused):
			not.refused++
		default:
			not.failed++
		}
		not.why = err.Error()
	}
	return connected, not
}

func newCertificate() (webrtc.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return webrtc.Certificate{}, err
	}
	made, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return webrtc.Certificate{}, err
	}
	return *made, nil
}

func place(ctx context.Context, asked options, certificate webrtc.Certificate, index int) (*call, error) {
	heard, err := newTap(asked.keep)
	if err != nil {
		return nil, err
	}
	connection, err := newConnection(heard, certificate)
	if err != nil {
		return nil, err
	}
	made := &call{placed: index, connection: connection, tap: heard}
	if err := made.connect(ctx, asked, index); err != nil {
		made.close()
		return nil, err
	}
	return made, nil
}

func newConnection(network *tap, certificate webrtc.Certificate) (*webrtc.PeerConnection, error) {
	var settings webrtc.SettingEngine
	settings.SetNet(network)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetIPFilter(net.IP.IsLoopback)
	media, interceptors := &webrtc.MediaEngine{}, &interceptor.Registry{}
	opus := webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
		},
		PayloadType: 111,
	}
	if err := media.RegisterCodec(opus, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, err
	}
	if err := webrtc.ConfigureRTCPReports(interceptors); err != nil {
		return nil, err
	}
	api := webrtc.NewAPI(
		webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(interceptors),
	)
	return api.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{certificate}})
}

func (c *call) connect(ctx context.Context, asked options, index int) error {
	up, down := make(chan struct{}), make(chan struct{})
	var once, ended sync.Once
	c.connection.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			once.Do(func() { close(up) })
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			ended.Do(func() { close(down) })
		}
	})
	c.connection.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { drain(track) })
	if err := c.addMedia(); err != nil {
		return err
	}
	if err := c.negotiate(ctx, asked, index); err != nil {
		return err
	}
	select {
	case <-up:
		return nil
	case <-down:
		return errors.New("the connection failed")
	case <-ctx.Done():
		return errors.New("not connected in time")
	}
}

// addMedia offers what the SDKs of voice agents do: audio both ways, and a data channel.
func (c *call) addMedia() error {
	capability := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}
	track, err := webrtc.NewTrackLocalStaticRTP(capability, "audio", "load")
	if err != nil {
		return err
	}
	sender, err := c.connection.AddTrack(track)
	if err != nil {
		return err
	}
	c.track = track
	go c.readReports(sender)
	_, err = c.connection.CreateDataChannel("oai-events", nil)
	return err
}

func (c *call) negotiate(ctx context.Context, asked options, index int) error {
	offer, err := c.connection.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(c.connection)
	if err := c.connection.SetLocalDescription(offer); err != nil {
		return err
	}
	<-gathered
	answer, err := post(ctx, asked, c.connection.LocalDescription().SDP, index)
	if err != nil {
		return err
	}
	return c.connection.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer})
}

// post hands over the offer. Where the agent is ours, the session's instructions tell it which call it hears.
func post(ctx context.Context, asked options, offer string, index int) (string, error) {
	body, kind := io.Reader(bytes.NewBufferString(offer)), "application/sdp"
	if asked.ear != "" {
		body, kind = withSession(offer, strconv.Itoa(index))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, asked.url, body)
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", kind)
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(io.LimitReader(reply.Body, 1<<16))
	if err != nil {
		return "", err
	}
	if reply.StatusCode != http.StatusCreated {
		return "", fmt.Errorf("%w: %d %.200s", errRefused, reply.StatusCode, text)
	}
	return string(text), nil
}

func withSession(offer, instructions string) (io.Reader, string) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, part := range [][3]string{
		{"sdp", "application/sdp", offer},
		{"session", "application/json", `{"type":"realtime","instructions":"` + instructions + `"}`},
	} {
		header := textproto.MIMEHeader{}
		header.Set("Content-Disposition", `form-data; name="`+part[0]+`"`)
		header.Set("Content-Type", part[1])
		// A buffer takes everything.
		written, _ := form.CreatePart(header)
		_, _ = io.WriteString(written, part[2])
	}
	_ = form.Close()
	return &body, form.FormDataContentType()
}

// drain authenticates and decrypts what arrives, as a client does.
func drain(track *webrtc.TrackRemote) {
	buffer := make([]byte, 1500)
	for {
		if _, _, err := track.Read(buffer); err != nil {
			return
		}
	}
}

func (c *call) readReports(sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch each := packet.(type) {
			case *rtcp.ReceiverReport:
				c.note(each.Reports)
			case *rtcp.SenderReport:
				c.note(each.Reports)
			}
		}
	}
}

func (c *call) note(blocks []rtcp.ReceptionReport) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, block := range blocks {
		// 24 bits with a sign (RFC 3550 §6.4.1).
		c.latest = report{seen: true, lost: int64(int32(block.TotalLost<<8) >> 8)}
	}
}

func (c *call) lastReport() report {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.latest
}

func (c *call) close() {
	finished := make(chan struct{})
	go func() {
		_ = c.connection.Close()
		close(finished)
	}()
	select {
	case <-finished:
	case <-time.After(2 * time.Second):
	}
}
