package whatsapp

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	mostPhones = 10_000
	// mostFailures in a row make a phone give up: hammering a dead endpoint measures nothing.
	mostFailures = 20
)

// LoadOptions describe a measurement. FlowJSON, PublicKey, Send and Token are required, and Requests or Duration.
type LoadOptions struct {
	FlowJSON   []byte
	PublicKey  *rsa.PublicKey
	RefreshKey func(ctx context.Context) (*rsa.PublicKey, error)
	// Send must be safe for concurrent use.
	Send func(ctx context.Context, body []byte) (status int, reply []byte, err error)
	// Token returns the flow token of phone i, from 0 on, each another.
	Token func(i int) string
	// Signature, if set, returns the flow_token_signature of a token.
	Signature func(token string) string
	// Phones is how many customers browse at once; 0 means 10, at most 10000.
	Phones int
	// Requests ends the measurement after so many requests, Duration after that time. Both set: whichever comes first.
	Requests int
	Duration time.Duration
}

// LoadResult is what a measurement found. Latencies are those of Send: from the sealed body to the complete answer.
type LoadResult struct {
	// Count is the number of requests answered or failed.
	Count int
	// Errors counts failures by kind: "status 500", "no answer", or the code of a [Complaint].
	Errors             map[string]int
	P50, P90, P99, Max time.Duration
	Elapsed            time.Duration
}

// Load lets many phones open the Flow and browse it at once, each with its own token and every request sealed with a
// key of its own. A phone stops short of reserving a time and opens the Flow again; nothing is booked.
func Load(ctx context.Context, opts LoadOptions) (LoadResult, error) {
	if opts.Send == nil || opts.Token == nil || opts.PublicKey == nil {
		return LoadResult{}, errors.New("load: PublicKey, Send and Token are required")
	}
	if opts.Requests <= 0 && opts.Duration <= 0 {
		return LoadResult{}, errors.New("load: Requests or Duration is required")
	}
	if opts.Phones == 0 {
		opts.Phones = 10
	}
	if opts.Phones < 0 || opts.Phones > mostPhones {
		return LoadResult{}, fmt.Errorf("load: %d phones, allowed are 1 to %d", opts.Phones, mostPhones)
	}
	if _, err := readDefinition(opts.FlowJSON); err != nil {
		return LoadResult{}, err
	}
	if opts.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, opts.Duration)
		defer cancel()
	}
	return measure(ctx, opts), nil
}

// errEnough ends a phone when all requests are spent.
var errEnough = errors.New("enough requests")

// browser is one phone of a measurement.
type browser struct {
	opts    LoadOptions
	left    *atomic.Int64
	samples []time.Duration
	errors  map[string]int
}

func measure(ctx context.Context, opts LoadOptions) LoadResult {
	var left atomic.Int64
	left.Store(int64(opts.Requests))
	browsers := make([]*browser, opts.Phones)
	start := time.Now()
	var wg sync.WaitGroup
	for i := range browsers {
		b := &browser{opts: opts, left: &left, errors: make(map[string]int)}
		browsers[i] = b
		wg.Go(func() { b.browse(ctx, i) })
	}
	wg.Wait()
	return summarize(browsers, time.Since(start))
}

func (b *browser) browse(ctx context.Context, i int) {
	token := b.opts.Token(i)
	options := Options{FlowJSON: b.opts.FlowJSON, PublicKey: b.opts.PublicKey, RefreshKey: b.opts.RefreshKey,
		Send: b.send, FlowToken: token}
	if b.opts.Signature != nil {
		options.FlowTokenSignature = b.opts.Signature(token)
	}
	phone, err := NewPhone(options)
	if err != nil { // the options were checked before
		return
	}
	for failures := 0; failures < mostFailures && ctx.Err() == nil; {
		walk := newWalker(phone, Plan{})
		walk.browse = true
		result, err := walk.run(ctx)
		switch {
		case errors.Is(err, errEnough) || ctx.Err() != nil:
			return
		case err != nil:
			b.errors[kindOf(err)]++
			failures++
		case result.Outcome == Closed || result.Outcome == Stuck:
			b.errors[string(result.Outcome)]++
			failures++
		default:
			failures = 0
		}
	}
}

// send measures one request.
func (b *browser) send(ctx context.Context, body []byte) (int, []byte, error) {
	if b.opts.Requests > 0 && b.left.Add(-1) < 0 {
		return 0, nil, errEnough
	}
	start := time.Now()
	status, reply, err := b.opts.Send(ctx, body)
	if ctx.Err() == nil { // what the end of the measurement cut off says nothing about the endpoint
		b.samples = append(b.samples, time.Since(start))
	}
	return status, reply, err
}

func kindOf(err error) string {
	var complaint *Complaint
	var status *StatusError
	switch {
	case errors.As(err, &complaint):
		return complaint.Code
	case errors.As(err, &status):
		return "status " + strconv.Itoa(status.Status)
	}
	return "no answer"
}

func summarize(browsers []*browser, elapsed time.Duration) LoadResult {
	result := LoadResult{Errors: make(map[string]int), Elapsed: elapsed}
	var samples []time.Duration
	for _, b := range browsers {
		samples = append(samples, b.samples...)
		for kind, n := range b.errors {
			result.Errors[kind] += n
		}
	}
	slices.Sort(samples)
	result.Count = len(samples)
	result.P50, result.P90 = percentile(samples, 50), percentile(samples, 90)
	result.P99, result.Max = percentile(samples, 99), percentile(samples, 100)
	return result
}

// percentile returns the smallest sample that p percent of the sorted samples do not exceed, 0 without samples.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}
