package main

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxCookie is what browsers keep of name and value together.
const maxCookie = 4096

// jar keeps the cookies of one person. It does what a broker and simulators on
// plain hosts need: host-only cookies, shared by the ports of a host, with path
// and expiry. It ignores Domain, and Secure, which loopback hosts may use.
// The tabs of one browser share it, so it is safe for concurrent use.
type jar struct {
	mu      sync.Mutex // guards cookies
	cookies []kept
	entered atomic.Bool // a tab has its code, so the number of the browser is spent
}

type kept struct {
	host, path, name, value string
}

// keep stores what an answer sets; one that is expired, or over 4,096 bytes, is
// gone.
func (j *jar) keep(host, path string, set []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, line := range set {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			continue
		}
		if !strings.HasPrefix(c.Path, "/") {
			c.Path = path[:max(strings.LastIndexByte(path, '/'), 0)]
			if c.Path == "" {
				c.Path = "/"
			}
		}
		found := -1
		for i, k := range j.cookies {
			if k.host == host && k.name == c.Name && k.path == c.Path {
				found = i
			}
		}
		gone := c.MaxAge < 0 || c.MaxAge == 0 && !c.Expires.IsZero() && c.Expires.Before(time.Now())
		switch {
		case len(c.Name)+len(c.Value) > maxCookie:
		case gone && found >= 0:
			j.cookies = append(j.cookies[:found], j.cookies[found+1:]...)
		case gone:
		case found >= 0:
			j.cookies[found].value = c.Value
		default:
			j.cookies = append(j.cookies, kept{host, c.Path, c.Name, c.Value})
		}
	}
}

// header is the Cookie header for an address, "" when there is nothing to send.
func (j *jar) header(host, path string) string {
	var out strings.Builder
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, k := range j.cookies {
		if k.host != host || !covers(k.path, path) {
			continue
		}
		if out.Len() > 0 {
			out.WriteString("; ")
		}
		out.WriteString(k.name)
		out.WriteByte('=')
		out.WriteString(k.value)
	}
	return out.String()
}

// covers is the path match of RFC 6265, section 5.1.4.
func covers(cookie, path string) bool {
	if path == "" {
		path = "/"
	}
	rest, ok := strings.CutPrefix(path, cookie)
	return ok && (rest == "" || strings.HasSuffix(cookie, "/") || rest[0] == '/')
}
