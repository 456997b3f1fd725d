package main

import (
	"encoding/binary"
	"fmt"
	"os"
)

// readSpeech reads packets, each after its length in two bytes, the lower first.
func readSpeech(path string) ([][]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var packets [][]byte
	for len(content) >= 2 {
		length := int(binary.LittleEndian.Uint16(content))
		if length == 0 || len(content) < 2+length {
			break
		}
		packets = append(packets, content[2:2+length])
		content = content[2+length:]
	}
	if len(packets) == 0 || len(content) != 0 {
		return nil, fmt.Errorf("%s holds no packets", path)
	}
	return packets, nil
}
