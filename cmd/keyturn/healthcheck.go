package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

func healthcheckCommand() *cobra.Command {
	return &cobra.Command{
		Use: "healthcheck", Short: "Ask the server on this machine whether it is ready, for container health checks", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := loadConfig(processSource(c))
			if err != nil {
				return err
			}
			host, port, err := net.SplitHostPort(config.OpsListen)
			if err != nil {
				return err
			}
			if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
				host = "127.0.0.1"
			}
			return askReady(c, "http://"+net.JoinHostPort(host, port)+"/readyz")
		},
	}
}

func askReady(c *cobra.Command, url string) error {
	ctx, cancel := context.WithTimeout(c.Context(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("no answer from the operations listener: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
		return fmt.Errorf("not ready (%d): %s", response.StatusCode, text)
	}
	return tell(c, map[string]string{"status": "ready"}, "ready\n")
}
