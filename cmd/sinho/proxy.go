package main

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// behindProxies makes RemoteAddr the address of whoever asks: the last one in
// X-Forwarded-For that is no trusted proxy, if the connection itself comes from
// one. No handler sees what anybody claims about addresses.
func behindProxies(trusted []netip.Prefix, next http.Handler) http.Handler {
	known := func(a netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && known(peer.Addr()) {
			if from, ok := asker(r.Header.Values("X-Forwarded-For"), known); ok {
				r.RemoteAddr = netip.AddrPortFrom(from, 0).String()
			}
		}
		for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"} {
			delete(r.Header, name)
		}
		next.ServeHTTP(w, r)
	})
}

// asker reads the hops from the last to the first and stops at the first that
// nobody vouches for.
func asker(headers []string, known func(netip.Addr) bool) (from netip.Addr, ok bool) {
	hops := strings.Split(strings.Join(headers, ","), ",")
	for _, hop := range slices.Backward(hops) {
		addr, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			return from, ok
		}
		if from, ok = addr.Unmap(), true; !known(addr) {
			return from, ok
		}
	}
	return from, ok
}

// recovered answers for a handler that panicked, with a reference that equals
// the log's. What it panicked with may quote a person, so only its type and the
// stack are logged, or the runtime's own words.
func recovered(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { //nolint:contextcheck // it is the request's
			switch what := recover(); what {
			case nil:
			case http.ErrAbortHandler:
				panic(what)
			default:
				ref, why := rand.Text()[:8], fmt.Sprintf("%T", what)
				if own, ok := what.(runtime.Error); ok {
					why = own.Error()
				}
				noteOn(r.Context(), ref, "")
				log.ErrorContext(r.Context(), "panic", "ref", ref, "why", why, "stack", string(debug.Stack()))
				http.Error(w, "잠시 후 다시 시도해 주세요. 문의번호 "+ref+"\nPlease try again in a moment. Reference "+ref, http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}
