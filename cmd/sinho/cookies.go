package main

import "net/http"

// mostCookies is what a request's cookies may have in bytes together: ours are 12 KiB
// at most, and a ticket and a pass for each waiting room.
const mostCookies = 32 << 10

// fewCookies refuses requests with more, before anything is done for them. HTTP/2 has
// a megabyte of cookies in some hundred bytes, so they are not kept either, for as
// long as whoever sent them takes to read the answer.
func fewCookies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size := 0
		for _, line := range r.Header["Cookie"] {
			size += len(line)
		}
		if size <= mostCookies {
			next.ServeHTTP(w, r)
			return
		}
		clear(r.Header)
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "이 사이트의 쿠키가 너무 많습니다. 브라우저에서 지우고 다시 해 주세요.\nYour browser has too many cookies of this site. Please delete them and try again.", http.StatusRequestHeaderFieldsTooLarge)
	})
}
