// Load places N WebRTC calls at once and plays speech into them: the generator of bench/transceiver.
//
// It prints one JSON object a line: `connected`, `measuring` when the window begins, `measured` when it is over. It hangs
// up when its standard input ends, so that whoever started it can look at the server with all calls still there. What it
// saw it writes to files of records, see records.go; nothing is judged here.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

type options struct {
	url      string
	calls    int
	speech   string
	out      string
	ear      string
	warmUp   time.Duration
	window   time.Duration
	patience time.Duration
	keep     keeping
}

func main() {
	var asked options
	flag.StringVar(&asked.url, "url", "", "where offers are posted")
	flag.IntVar(&asked.calls, "calls", 1, "calls at once")
	flag.StringVar(&asked.speech, "speech", "", "file of Opus packets, 20 ms each, that every call plays in a loop")
	flag.StringVar(&asked.out, "out", "", "folder for the records")
	flag.StringVar(&asked.ear, "ear", "", "address to serve an agent on, which hears the calls and says all back; empty: none")
	flag.DurationVar(&asked.warmUp, "warm-up", 2*time.Second, "sent before the window")
	flag.DurationVar(&asked.window, "window", 4*time.Second, "what is measured")
	flag.DurationVar(&asked.patience, "patience", 30*time.Second, "for all calls to connect")
	flag.DurationVar(&asked.keep.first, "keep", 0, "with -every: so much of it is written down")
	flag.DurationVar(&asked.keep.every, "every", 0, "by the clock; 0: all is written down")
	flag.Parse()
	if err := run(asked); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(asked options) error {
	speech, err := readSpeech(asked.speech)
	if err != nil {
		return err
	}
	var listening *ear
	if asked.ear != "" {
		if listening, err = openEar(asked.ear); err != nil {
			return err
		}
	}
	began := time.Now()
	connected, refused := placeCalls(asked)
	say("connected", map[string]any{
		"calls": len(connected), "refused": refused.refused, "failed": refused.failed, "why": refused.why,
		"setup_s": time.Since(began).Seconds(),
	})
	if len(connected) == 0 {
		return fmt.Errorf("no call connected: %s", refused.why)
	}
	measure(asked, connected, speech, listening)
	awaitEnd()
	for _, each := range connected {
		each.close()
	}
	return nil
}

func measure(asked options, calls []*call, speech [][]byte, listening *ear) {
	playing := play(calls, speech, asked.keep)
	time.Sleep(asked.warmUp)
	say("measuring", nil)
	began, cpu := window{realtime(), reportsOf(calls)}, ownCPU()
	time.Sleep(asked.window)
	ended, cpuEnd := window{realtime(), reportsOf(calls)}, ownCPU()
	say("measured", map[string]any{
		"began_ns": began.atNs, "ended_ns": ended.atNs,
		"cpu_s": (cpuEnd - cpu).Seconds(), "lost_up": lostBetween(began.reports, ended.reports),
	})
	// What was sent last must have come back, and its reports.
	time.Sleep(300 * time.Millisecond)
	playing.stop()
	sends := playing.records()
	if err := writeRecords(asked.out, calls, sends, listening); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
	}
	say("written", map[string]any{"folder": filepath.Clean(asked.out)})
}

type window struct {
	atNs    int64
	reports []report
}

// lostBetween is what the server's receiver reports counted as lost; nil: no call had a report.
func lostBetween(before, after []report) *int64 {
	var lost int64
	reported := false
	for index := range after {
		if after[index].seen {
			reported = true
			lost += max(0, after[index].lost-before[index].lost)
		}
	}
	if !reported {
		return nil
	}
	return &lost
}

func reportsOf(calls []*call) []report {
	all := make([]report, len(calls))
	for index, each := range calls {
		all[index] = each.lastReport()
	}
	return all
}

func ownCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// awaitEnd returns when whoever started this process has closed its standard input.
func awaitEnd() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
	}
}

func say(event string, fields map[string]any) {
	line := map[string]any{"event": event}
	for name, value := range fields {
		line[name] = value
	}
	encoded, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(encoded))
}
