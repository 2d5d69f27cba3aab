package client

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sinho/providers"
)

// grouped are clients that hold people to one device, each in the group of its name.
func grouped(groups ...string) []Client {
	var all []Client
	for i, name := range groups {
		id := fmt.Sprint("site-", i)
		all = append(all, Client{
			ID: id, Public: true, Name: providers.Text{KO: id, EN: id}, RedirectURIs: []string{"https://" + id + ".example/cb"},
			MinAssurance: providers.Verified, OneDevice: DeviceRefuse, DeviceGroup: name,
		})
	}
	return all
}

func TestEightGroupsHaveALockAndNoNinth(t *testing.T) {
	names := strings.Fields("a b c d e f g h")
	if _, err := NewRegistry(grouped(append(names, "a", "h")...)...); err != nil {
		t.Fatalf("eight groups of ten clients: %v", err)
	}
	for name, groups := range map[string][]string{"a ninth by name": append(names, "i"), "a ninth by itself": append(names, "")} {
		_, err := NewRegistry(grouped(groups...)...)
		m, is := errors.AsType[*Mistake](err)
		if !is || m.Client != "site-8" || m.Field != "one_device" || !strings.Contains(m.Why, "more than 8 groups") {
			t.Errorf("%s: got %v, want the ninth to be told", name, err)
		}
	}
}
