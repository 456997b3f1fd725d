package main

import "time"

// keeping says what is written down: of every so long, by the clock, the first part. A load of half an hour would fill the
// memory otherwise.
type keeping struct {
	first time.Duration
	every time.Duration // 0: all
}

func (k keeping) has(atNs int64) bool {
	return k.every == 0 || atNs%int64(k.every) < int64(k.first)
}
