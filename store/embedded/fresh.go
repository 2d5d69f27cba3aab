package embedded

import (
	"maps"
	"sync"

	bolt "go.etcd.io/bbolt"
)

// fresh is what the open transaction has changed and readers may see already:
// the writer publishes, readers look here before they look into the file.
type fresh struct {
	mu      sync.RWMutex
	base    int // id of the transaction it lies upon
	records map[string]record
}

// begin says upon which state of the file what is published from now on lies.
func (f *fresh) begin(base int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.base = base
}

// publish shows the changes of one Apply, all at once.
func (f *fresh) publish(changed map[string]record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.Copy(f.records, changed)
}

// clear forgets everything: it is in the file, or undone.
func (f *fresh) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.records)
}

// view calls do with a state of the records at one moment. Between a commit and
// clear the file has everything that was published, and more: it is newer than
// base then, and goes alone.
func (f *fresh) view(db *bolt.DB, do func(get func(key []byte) (record, bool))) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return db.View(func(tx *bolt.Tx) error {
		records := tx.Bucket([]byte(bucketRecords))
		lies := tx.ID() == f.base
		do(func(key []byte) (record, bool) {
			if lies {
				if r, ok := f.records[string(key)]; ok {
					return r, true
				}
			}
			return decodeRecord(records.Get(key))
		})
		return nil
	})
}
