package main

/*
#include <opus.h>

// The setters are variadic macros, which Go cannot call.
static int set_up(OpusEncoder *encoder) {
	int failed = opus_encoder_ctl(encoder, OPUS_SET_BITRATE(32000));
	failed |= opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(5));
	failed |= opus_encoder_ctl(encoder, OPUS_SET_PACKET_LOSS_PERC(5));
	return failed | opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC(1));
}
*/
import "C"

import (
	"errors"
	"runtime"
	"unsafe"
)

const (
	sampleRate = 24_000
	// RFC 6716 §3.2.5: no packet is longer than 120 ms.
	mostSamples   = sampleRate * 120 / 1000
	largestPacket = 1275
)

var errCodec = errors.New("libopus refused")

// codec is what one call needs: mono, with the transceiver's settings.
type codec struct {
	decoder *C.OpusDecoder
	encoder *C.OpusEncoder
	pcm     [mostSamples]C.opus_int16
	packet  [largestPacket]byte
}

func newCodec() (*codec, error) {
	var failed C.int
	decoder := C.opus_decoder_create(sampleRate, 1, &failed)
	if failed != C.OPUS_OK {
		return nil, errCodec
	}
	encoder := C.opus_encoder_create(sampleRate, 1, C.OPUS_APPLICATION_VOIP, &failed)
	if failed != C.OPUS_OK {
		C.opus_decoder_destroy(decoder)
		return nil, errCodec
	}
	made := &codec{decoder: decoder, encoder: encoder}
	runtime.AddCleanup(made, func(decoder *C.OpusDecoder) { C.opus_decoder_destroy(decoder) }, decoder)
	runtime.AddCleanup(made, func(encoder *C.OpusEncoder) { C.opus_encoder_destroy(encoder) }, encoder)
	if C.set_up(encoder) != C.OPUS_OK {
		return nil, errCodec
	}
	return made, nil
}

// again decodes a packet and encodes what was in it; the result is valid until the next call.
func (c *codec) again(packet []byte) ([]byte, error) {
	if len(packet) == 0 {
		return nil, errCodec
	}
	samples := C.opus_decode(
		c.decoder, (*C.uchar)(unsafe.Pointer(&packet[0])), C.opus_int32(len(packet)), &c.pcm[0], mostSamples, 0,
	)
	if samples <= 0 {
		return nil, errCodec
	}
	length := C.opus_encode(c.encoder, &c.pcm[0], samples, (*C.uchar)(unsafe.Pointer(&c.packet[0])), largestPacket)
	if length <= 0 {
		return nil, errCodec
	}
	return c.packet[:length], nil
}
