package main

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics are what /metrics shows. Labels have few values: routes are patterns, never paths.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
}

func newMetrics(a *app) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyturn_http_requests_total", Help: "Answered requests by route, method and status.",
		}, []string{"route", "method", "status"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "keyturn_http_request_duration_seconds", Help: "Time to answer, by route.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"route"}),
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.requests, m.took,
		gauge("keyturn_keys_last_read_timestamp_seconds", "When the signing keys were last read from the database.",
			func() float64 { return float64(a.keys.LastRead().Unix()) }),
		counter("keyturn_alarms_total", "Alarms since the start: altered key rows, a database that went back in time.",
			func() float64 { return float64(a.alarms.Load()) }),
		gauge("keyturn_audit_unsealed_age_seconds", "How long the oldest event of the audit log that no seal covers has waited.",
			func() float64 { return a.tailAge(time.Now()).Seconds() }),
		letterGauges{a},
		gauge("keyturn_database_connections_in_use", "Pooled connections that are working.",
			func() float64 { return float64(a.db.Stats().InUse) }),
		counter("keyturn_database_wait_seconds_total", "Time that requests have waited for a pooled connection.",
			func() float64 { return a.db.Stats().WaitDuration.Seconds() }),
	)
	return m
}

// letterGauges count the queue of letters when somebody asks.
type letterGauges struct{ a *app }

var (
	lettersDesc = prometheus.NewDesc("keyturn_letters", "Letters in the queue: waiting, of those failing (tried at least once), and failed (given up).", []string{"state"}, nil)
	letterDesc  = prometheus.NewDesc("keyturn_letters_oldest_seconds", "How long the oldest letter that is still tried has waited.", nil, nil)
)

// Describe implements prometheus.Collector.
func (l letterGauges) Describe(to chan<- *prometheus.Desc) {
	to <- lettersDesc
	to <- letterDesc
}

// Collect implements prometheus.Collector. While the database is away it has nothing to tell.
func (l letterGauges) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), checkTime)
	defer cancel()
	counts, err := l.a.db.CountLetters(ctx)
	if err != nil {
		return
	}
	for state, n := range map[string]int64{"waiting": counts.Waiting, "failing": counts.Failing, "failed": counts.Failed} {
		to <- prometheus.MustNewConstMetric(lettersDesc, prometheus.GaugeValue, float64(n), state)
	}
	to <- prometheus.MustNewConstMetric(letterDesc, prometheus.GaugeValue, counts.Oldest.Seconds())
}

func gauge(name, help string, read func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read)
}

func counter(name, help string, read func() float64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, read)
}

// Request counts an answered request; it implements api.Metrics.
func (m *metrics) Request(method, route string, status int, took time.Duration) {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
	default:
		method = "other" // a caller's invention must not become a label
	}
	if route == "" {
		route = "none"
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.took.WithLabelValues(route).Observe(took.Seconds())
}
