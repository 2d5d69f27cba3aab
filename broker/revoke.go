package broker

import (
	"fmt"
	"net/http"

	"sinho/store"
)

// revoke is token revocation (RFC 7009). A client revokes its own tokens;
// whatever else it sends is answered alike, for it learns nothing by it. Any
// token of a family ends the family. The deletion is durable, and a failure is
// told: the token would still live.
func (b *Broker) revoke(w http.ResponseWriter, r *http.Request) error {
	c, token, err := b.tokenForm(w, r)
	if err != nil {
		return err
	}
	var (
		shard store.Shard
		name  []byte
	)
	if a, err := b.openAccess(token); err == nil && a.Client == c.ID {
		shard, name = a.Shard, a.Name
	} else if t, err := b.openRefresh(token, c.ID); err == nil {
		shard, name = t.Shard, t.Name
	}
	if shard != "" {
		if err := b.revokeAll(r.Context(), shard, name); err != nil {
			return unavailable(fmt.Errorf("revoke: %w", err))
		}
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return nil
}
