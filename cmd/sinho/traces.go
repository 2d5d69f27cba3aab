package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"sinho/config"
	"sinho/store"
)

// traces makes spans of requests, store calls and requests to providers. A trace
// always begins here: what strangers send in traceparent decides nothing, and
// providers are sent none. A nil *traces makes none.
type traces struct {
	tracer   trace.Tracer
	shutdown func(context.Context) error
}

// newTraces is nil when cfg names nowhere to send them.
func newTraces(ctx context.Context, cfg config.Traces, log *slog.Logger) (*traces, error) {
	if cfg.OTLPEndpoint == "" {
		return nil, nil //nolint:nilnil // nil is a *traces that makes none
	}
	u, err := url.Parse(cfg.OTLPEndpoint)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/v1/traces"
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.String()), otlptracehttp.WithTimeout(exportWait))
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(quiet{exporter, log, new(atomic.Int64)}),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cfg.Sample))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "sinho"), attribute.String("service.version", version))),
	)
	return &traces{tracer: provider.Tracer("sinho"), shutdown: provider.Shutdown}, nil
}

const (
	exportWait = 5 * time.Second
	// quietFor is how long after a failed export the next one is not told of.
	quietFor = time.Minute
)

// quiet is an exporter whose failures are logged now and then, and are nobody
// else's trouble.
type quiet struct {
	sdktrace.SpanExporter

	log  *slog.Logger
	told *atomic.Int64
}

// ExportSpans implements sdktrace.SpanExporter.
func (q quiet) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := q.SpanExporter.ExportSpans(ctx, spans)
	last, now := q.told.Load(), time.Now().UnixNano()
	if err != nil && now-last >= int64(quietFor) && q.told.CompareAndSwap(last, now) {
		q.log.WarnContext(ctx, "traces could not be sent", "spans", len(spans), "error", err.Error())
	}
	return nil
}

// close sends what is left.
func (t *traces) close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exportWait)
	defer cancel()
	return t.shutdown(ctx)
}

func noEnd(told) {}

// request begins the span of a request, which end completes. Who watches the
// lights is not traced: that is one long answer, or very many short ones.
func (t *traces) request(ctx context.Context, r *http.Request) (_ context.Context, end func(told)) {
	if t == nil || strings.HasPrefix(r.URL.Path, "/signal") {
		return ctx, noEnd
	}
	ctx, span := t.tracer.Start(ctx, "request", trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer))
	return ctx, func(o told) {
		if span.IsRecording() {
			span.SetName(o.method + " " + o.route)
			span.SetAttributes(attribute.String("http.request.method", o.method), attribute.String("http.route", o.route),
				attribute.Int("http.response.status_code", o.status))
			if o.ref != "" {
				span.SetAttributes(attribute.String("sinho.ref", o.ref))
			}
			if o.client != "" {
				span.SetAttributes(attribute.String("sinho.client", o.client))
			}
			if o.status >= 500 {
				span.SetStatus(codes.Error, "")
			}
		}
		span.End()
	}
}

// within begins a span inside that of ctx; nil when that one is not recorded.
func (t *traces) within(ctx context.Context, name string) (context.Context, trace.Span) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, nil
	}
	return t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient))
}

// endSpan completes a span with what came of it, a word of a closed list.
func endSpan(span trace.Span, outcome string, failed bool, more ...attribute.KeyValue) {
	if span == nil {
		return
	}
	span.SetAttributes(append(more, attribute.String("sinho.outcome", outcome))...)
	if failed {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// legs is c, whose requests to the provider are spans too; without traces, c
// itself. Neither address nor header is told.
func (t *traces) legs(provider string, c *http.Client) *http.Client {
	if t == nil {
		return c
	}
	out := *c
	out.Transport = tracedLegs{t, provider, c.Transport}
	return &out
}

type tracedLegs struct {
	traces   *traces
	provider string
	base     http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (l tracedLegs) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, span := l.traces.within(r.Context(), "provider "+l.provider)
	if span == nil {
		return l.base.RoundTrip(r)
	}
	resp, err := l.base.RoundTrip(r.WithContext(ctx))
	about := []attribute.KeyValue{attribute.String("sinho.provider", l.provider), attribute.String("http.request.method", r.Method)}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		endSpan(span, "timeout", true, about...)
	case errors.Is(err, context.Canceled):
		endSpan(span, "left", false, about...)
	case err != nil:
		endSpan(span, "unreachable", true, about...)
	default:
		endSpan(span, "answered", resp.StatusCode >= 500, append(about, attribute.Int("http.response.status_code", resp.StatusCode))...)
	}
	return resp, err
}

// calls is st, whose operations are spans too; without traces, st itself.
// Neither keys nor values are told.
func (t *traces) calls(st store.Store) store.Store {
	if t == nil {
		return st
	}
	return &tracedStore{Store: st, traces: t}
}

type tracedStore struct {
	store.Store

	traces *traces
}

// Apply implements store.Store.
func (s *tracedStore) Apply(ctx context.Context, shard store.Shard, attempt store.Attempt, durable bool, ops ...store.Op) (store.Outcome, error) {
	inner, span := s.traces.within(ctx, "store apply")
	out, err := s.Store.Apply(inner, shard, attempt, durable, ops...)
	if span != nil {
		endSpan(span, applyOutcome(ctx, out, err), err != nil, attribute.Int("sinho.ops", len(ops)))
	}
	return out, err
}

// Read implements store.Store.
func (s *tracedStore) Read(ctx context.Context, shard store.Shard, key string) ([]byte, error) {
	inner, span := s.traces.within(ctx, "store read")
	value, err := s.Store.Read(inner, shard, key)
	if span != nil {
		endSpan(span, storeOutcome(ctx, err), err != nil && !errors.Is(err, store.ErrAbsent))
	}
	return value, err
}

// ReadAll implements store.Store.
func (s *tracedStore) ReadAll(ctx context.Context, shard store.Shard, keys ...string) ([][]byte, error) {
	inner, span := s.traces.within(ctx, "store read")
	values, err := s.Store.ReadAll(inner, shard, keys...)
	if span != nil {
		endSpan(span, storeOutcome(ctx, err), err != nil)
	}
	return values, err
}
