package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
)

// writeRecords leaves a file for each kind of record: structs as they are declared, the lower byte first, unpadded.
//
//	sends.bin     sent      every packet that was sent
//	arrivals.bin  arrived   every RTP packet that came back
//	chunks.bin    chunk     sound that the ear received
//	N.pcm         int16     the sound itself, of some of the calls, as the ear heard it from the beginning
func writeRecords(folder string, calls []*call, sends []sent, listening *ear) error {
	var arrivals []arrived
	for index, each := range calls {
		arrivals = append(arrivals, each.tap.arrivals(index)...)
	}
	if err := write(filepath.Join(folder, "sends.bin"), sends); err != nil {
		return err
	}
	if err := write(filepath.Join(folder, "arrivals.bin"), arrivals); err != nil {
		return err
	}
	if listening == nil {
		return nil
	}
	return writeHeard(folder, calls, listening)
}

func writeHeard(folder string, calls []*call, listening *ear) error {
	numbers := make(map[int]int, len(calls))
	for index, each := range calls {
		numbers[each.placed] = index
	}
	var chunks []chunk
	for _, each := range listening.hearings() {
		each.mutex.Lock()
		number, ours := numbers[each.placed]
		heard, pcm := append([]chunk(nil), each.chunks...), append([]byte(nil), each.pcm...)
		each.mutex.Unlock()
		if !ours {
			continue
		}
		for index := range heard {
			heard[index].Call = uint32(number)
		}
		chunks = append(chunks, heard...)
		if len(pcm) > 0 {
			if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.pcm", number)), pcm, 0o600); err != nil {
				return err
			}
		}
	}
	return write(filepath.Join(folder, "chunks.bin"), chunks)
}

func write(path string, records any) error {
	var encoded bytes.Buffer
	if err := binary.Write(&encoded, binary.LittleEndian, records); err != nil {
		return err
	}
	return os.WriteFile(path, encoded.Bytes(), 0o600)
}
