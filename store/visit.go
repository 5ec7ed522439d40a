package store

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// Visit is all that we know of one flow token.
type Visit struct {
	// Known is true for a token that slotd made; others are visits only once they booked.
	Known bool
	// Phone and Name are the customer's, as far as they were known when the token was made.
	Phone, Name string
	// Zone is the IANA zone of the customer, "" when it is not known.
	Zone    string
	Expires time.Time
	// Hold is the time that the token's customer has chosen; it may be over. Nil when none was.
	Hold *Hold
	// Outcome is set once the token made its booking.
	Outcome *Outcome
}

// Outcome is what a spent token led to.
type Outcome struct {
	// Request is a fingerprint of the confirm that spent the token: its screen and payload.
	Request string
	// Answer is the plain text that answered it, without the protocol version.
	Answer  []byte
	Booking string
	At      time.Time
}

type visitRecord struct {
	V       int            `json:"v"`
	Known   bool           `json:"known,omitempty"`
	Phone   string         `json:"phone,omitempty"`
	Name    string         `json:"name,omitempty"`
	Zone    string         `json:"zone,omitempty"`
	Expires time.Time      `json:"expires"`
	Hold    *holdRecord    `json:"hold,omitempty"`
	Outcome *outcomeRecord `json:"outcome,omitempty"`
}

type outcomeRecord struct {
	Request string    `json:"request"`
	Answer  []byte    `json:"answer"`
	Booking string    `json:"booking"`
	At      time.Time `json:"at"`
}

func (r *visitRecord) version() int { return r.V }

// VisitKey turns a flow token into the key of its visit. The token itself is a secret and is never stored.
func VisitKey(flowToken string) string {
	sum := sha256.Sum256([]byte(flowToken))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Visit returns the visit of a token; nil when the token was not made by slotd and made no booking.
func (g getter) Visit(key string) (*Visit, error) {
	var r visitRecord
	if found, err := g.record(keyVisit(key), &r); err != nil || !found {
		return nil, err
	}
	v := &Visit{Known: r.Known, Phone: r.Phone, Name: r.Name, Zone: r.Zone, Expires: r.Expires}
	if h := r.Hold; h != nil {
		v.Hold = &Hold{Resources: h.Resources, Service: h.Service, Start: h.Start, Since: h.Since, Until: h.Until}
	}
	if o := r.Outcome; o != nil {
		v.Outcome = &Outcome{Request: o.Request, Answer: o.Answer, Booking: o.Booking, At: o.At}
	}
	return v, nil
}

// PutVisit writes a visit.
func (t *Tx) PutVisit(key string, v *Visit) {
	r := visitRecord{V: recordVersion, Known: v.Known, Phone: v.Phone, Name: v.Name, Zone: v.Zone, Expires: v.Expires.UTC()}
	if h := v.Hold; h != nil {
		r.Hold = &holdRecord{
			Resources: h.Resources, Service: h.Service, Start: h.Start, Since: h.Since.UTC(), Until: h.Until.UTC(),
		}
	}
	if o := v.Outcome; o != nil {
		r.Outcome = &outcomeRecord{Request: o.Request, Answer: o.Answer, Booking: o.Booking, At: o.At.UTC()}
	}
	t.put(keyVisit(key), r)
}

// LoadToken returns what SaveToken stored for an account; nil when there is nothing.
func (s *Store) LoadToken(ctx context.Context, account string) ([]byte, error) {
	var token []byte
	err := s.View(ctx, func(r *Reader) error {
		value, err := r.get(keyToken(account))
		if value != nil {
			token = append([]byte{}, value...)
		}
		return err
	})
	return token, err
}

// SaveToken stores an account's token, in the form that package account chose. It returns once the token is on disk.
func (s *Store) SaveToken(ctx context.Context, account string, token []byte) error {
	return s.Update(ctx, func(tx *Tx) error {
		tx.tx.Put(keyToken(account), token)
		return nil
	})
}
