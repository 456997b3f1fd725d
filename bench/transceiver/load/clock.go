package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// realtime is the clock of all records: the kernel stamps what it receives with no other.
func realtime() int64 { return time.Now().UnixNano() }

func monotonic() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic(err)
	}
	return now.Nano()
}

// sleepUntil blocks the thread, not only the goroutine: the runtime's timers are some hundred microseconds late.
func sleepUntil(monotonicNs int64) {
	due := unix.NsecToTimespec(monotonicNs)
	for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &due, nil) == unix.EINTR {
	}
}
