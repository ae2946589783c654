package verify

import (
	"testing"
	"time"

	"keyturn/verify/jws"
)

// BenchmarkVerify measures a whole verification against the signature check alone, with the same key and
// token. The metric "x-bare" says how many times as long it takes: what all the other rules cost.
func BenchmarkVerify(b *testing.B) {
	for _, s := range []signer{rsaSigner(), ecSigner(), edSigner()} {
		b.Run(s.alg, func(b *testing.B) {
			v := newIssuer(s).verifier(b, atNoon())
			raw := s.token(noon)
			parsed, err := jws.Parse(raw, s.alg)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := v.Verify(b.Context(), raw); err != nil {
				b.Fatal(err)
			}
			const rounds = 500
			began := time.Now()
			for range rounds {
				if _, err := parsed.Verify(s.public); err != nil {
					b.Fatal(err)
				}
			}
			bare := time.Since(began) / rounds
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), raw); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(bare), "x-bare")
		})
	}
}
