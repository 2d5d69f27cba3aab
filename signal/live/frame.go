package live

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"sinho/broadcast"
	"sinho/signal"
)

// frame is one published board in every form it is sent in: the same bytes for
// everybody, made once.
type frame struct {
	board   signal.Board
	body    []byte // JSON
	etag    string
	message broadcast.Message
	next    chan struct{} // closed when a newer frame is there
}

func newFrame(board signal.Board) (*frame, error) {
	etag, err := etagOf(board)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(board)
	if err != nil {
		return nil, fmt.Errorf("marshal board: %w", err)
	}
	message, err := broadcast.NewMessage(board.Seq, body)
	if err != nil {
		return nil, err
	}
	return &frame{board: board, body: body, etag: etag, message: message, next: make(chan struct{})}, nil
}

// etagOf is over the content alone, without the time and the sequence number: the
// same on every node that shows the same.
func etagOf(board signal.Board) (string, error) {
	board.At, board.Seq = time.Time{}, 0
	content, err := json.Marshal(board)
	if err != nil {
		return "", fmt.Errorf("marshal board: %w", err)
	}
	sum := sha256.Sum256(content)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, nil
}
