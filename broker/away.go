package broker

import (
	"errors"
	"fmt"

	"sinho/store"
)

// away makes every failure of the store that is no answer ErrUnavailable.
func away(err error) error {
	if errors.Is(err, store.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
