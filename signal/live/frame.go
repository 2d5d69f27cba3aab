package live

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"sinho/signal"
)

// frame is one published board in every form it is sent in: the same bytes for
// everybody, made once.
type frame struct {
	board  signal.Board
	body   []byte // JSON
	etag   string
	event  []byte // of an event stream
	socket *websocket.PreparedMessage
	next   chan struct{} // closed when a newer frame is there
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
	socket, err := websocket.NewPreparedMessage(websocket.TextMessage, body)
	if err != nil {
		return nil, fmt.Errorf("prepare board: %w", err)
	}
	var event bytes.Buffer
	event.WriteString("id: " + strconv.FormatInt(board.Seq, 10) + "\ndata: ")
	event.Write(body)
	event.WriteString("\n\n")
	return &frame{
		board: board, body: body, etag: etag,
		event: event.Bytes(), socket: socket, next: make(chan struct{}),
	}, nil
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
