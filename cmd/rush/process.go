package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is the unit of processor time in /proc: USER_HZ, which is 100
// on every Linux that Go runs on. A reading is thus good to 10 ms.
const ticksPerSecond = 100

// reading is what /proc tells of a process at one moment.
type reading struct {
	cpu time.Duration // user and system, of all threads
	rss int64         // bytes
}

// process is one being watched while load is on it.
type process struct {
	pid         int
	name        string
	first, last reading
	most        int64 // rss
	gone        bool  // it ended during the run
}

// watchProcesses takes a first reading of every process named by --pid.
func watchProcesses(pids []int) ([]*process, error) {
	var all []*process
	for _, pid := range pids {
		if runtime.GOOS != "linux" {
			return nil, fmt.Errorf("--pid %d: processor time is read from /proc, which %s does not have", pid, runtime.GOOS)
		}
		r, name, err := readProcess(pid)
		if err != nil {
			return nil, fmt.Errorf("--pid %d: %w", pid, err)
		}
		all = append(all, &process{pid: pid, name: name, first: r, last: r, most: r.rss})
	}
	return all, nil
}

// look takes another reading. A process that is gone keeps its last one.
func (p *process) look() {
	r, _, err := readProcess(p.pid)
	if err != nil {
		p.gone = true
		return
	}
	p.last, p.most = r, max(p.most, r.rss)
}

// sample looks at the processes once a second until ctx ends.
func sample(ctx context.Context, all []*process) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			for _, p := range all {
				p.look()
			}
		case <-ctx.Done():
			return
		}
	}
}

func readProcess(pid int) (reading, string, error) {
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if os.IsNotExist(err) {
		return reading{}, "", fmt.Errorf("there is no process %d", pid)
	}
	if err != nil {
		return reading{}, "", err
	}
	return parseStat(body, int64(os.Getpagesize()))
}

// parseStat reads /proc/PID/stat (proc(5)): the name in parentheses may hold
// spaces and parentheses, so fields count from the last one.
func parseStat(body []byte, page int64) (reading, string, error) {
	open, closed := bytes.IndexByte(body, '('), bytes.LastIndexByte(body, ')')
	if open < 0 || closed < open {
		return reading{}, "", fmt.Errorf("stat %q is not understood", body)
	}
	fields := strings.Fields(string(body[closed+1:]))
	const utime, stime, rss = 14 - 3, 15 - 3, 24 - 3 // numbers of proc(5), from the state on
	if len(fields) <= rss {
		return reading{}, "", fmt.Errorf("stat has %d fields after the name, want more than %d", len(fields), rss)
	}
	var n [3]int64
	for i, at := range []int{utime, stime, rss} {
		v, err := strconv.ParseInt(fields[at], 10, 64)
		if err != nil {
			return reading{}, "", fmt.Errorf("stat: %w", err)
		}
		n[i] = v
	}
	return reading{
		cpu: time.Duration(n[0]+n[1]) * time.Second / ticksPerSecond, rss: n[2] * page,
	}, string(body[open+1 : closed]), nil
}

// processReport is what a run cost one process.
type processReport struct {
	PID  int    `json:"pid"`
	Name string `json:"name"`
	// CPUSeconds is user and system time during the run, Cores the same by
	// second, PerUnit by login (milliseconds) or by frame sent (microseconds).
	CPUSeconds float64 `json:"cpu_s"`
	Cores      float64 `json:"cores"`
	PerUnit    float64 `json:"cpu_each"`
	RSSBefore  float64 `json:"rss_mib_before"`
	RSSAfter   float64 `json:"rss_mib_after"`
	RSSMost    float64 `json:"rss_mib_most"`
	Gone       bool    `json:"gone,omitempty"`
}

// report of a process over a run that took so long and did so many units.
func (p *process) report(took time.Duration, units int64, unit time.Duration) processReport {
	cpu := p.last.cpu - p.first.cpu
	r := processReport{
		PID: p.pid, Name: p.name, Gone: p.gone, CPUSeconds: round(cpu.Seconds(), 2),
		RSSBefore: mib(p.first.rss), RSSAfter: mib(p.last.rss), RSSMost: mib(p.most),
	}
	if took > 0 {
		r.Cores = round(cpu.Seconds()/took.Seconds(), 2)
	}
	if units > 0 {
		r.PerUnit = round(float64(cpu)/float64(unit)/float64(units), 3)
	}
	return r
}

func mib(bytes int64) float64 { return round(float64(bytes)/(1<<20), 1) }

// ourselves is this process among those watched, so that a report can tell what
// the load itself cost; nothing where there is no /proc.
func ourselves() []*process {
	all, err := watchProcesses([]int{os.Getpid()})
	if err != nil {
		return nil
	}
	all[0].name += " (the load itself)"
	return all
}
