package web

import "testing"

// TestDeviceNameForTheCommandLine: programs and unknown browsers are told as they call themselves.
func TestDeviceNameForTheCommandLine(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": "Firefox on Linux",
		"Mozilla/5.0 (Windows)":    "Windows",
		"Mozilla/5.0 (compatible)": "Mozilla/5.0 (compatible)",
		"curl/8.5.0":               "curl/8.5.0",
		"":                         "",
	} {
		if got := DeviceName(agent); got != want {
			t.Errorf("%q: %q, want %q", agent, got, want)
		}
	}
}

func TestDevicesHaveNamesThatPeopleKnow(t *testing.T) {
	all := testCatalogues(t)
	for agent, want := range map[string][2]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                 {"Firefox on Linux", "Firefox auf Linux"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0":          {"Edge on Windows", "Edge auf Windows"},
		"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36":                  {"Chrome on Android", "Chrome auf Android"},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15":                  {"Safari on Mac", "Safari auf Mac"},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1": {"Chrome on iPhone", "Chrome auf iPhone"},
		"Mozilla/5.0 (compatible)": {"Unknown device", "Unbekanntes Gerät"},
		"Mozilla/5.0 (Windows)":    {"Windows", "Windows"},
		"":                         {"Unknown device", "Unbekanntes Gerät"},
		"curl/8.5.0":               {"<bdi>curl/8.5.0</bdi>", "<bdi>curl/8.5.0</bdi>"},
		"<b>":                      {"<bdi>&lt;b&gt;</bdi>", "<bdi>&lt;b&gt;</bdi>"},
	} {
		for n, want := range want {
			if got, err := all[n].device(agent); err != nil || string(got) != want {
				t.Errorf("%q: %q %v, want %q", agent, got, err, want)
			}
		}
	}
}
