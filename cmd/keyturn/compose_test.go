package main

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	hello "keyturn/cmd/hello/server"
	"keyturn/verify"
)

// composeFile is what the test reads of docker-compose.yml.
type composeFile struct {
	Services map[string]composeService `yaml:"services"`
	Networks map[string]struct {
		IPAM struct {
			Config []struct {
				Subnet string `yaml:"subnet"`
			} `yaml:"config"`
		} `yaml:"ipam"`
	} `yaml:"networks"`
	Volumes map[string]any `yaml:"volumes"`
}

type composeService struct {
	Image       string            `yaml:"image"`
	Entrypoint  []string          `yaml:"entrypoint"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Volumes     []string          `yaml:"volumes"`
	Ports       []string          `yaml:"ports"`
	Privileged  bool              `yaml:"privileged"`
	NetworkMode string            `yaml:"network_mode"`
	User        string            `yaml:"user"`
	CapAdd      []string          `yaml:"cap_add"`
	DependsOn   map[string]struct {
		Condition string `yaml:"condition"`
	} `yaml:"depends_on"`
	Healthcheck struct {
		Test    []string `yaml:"test"`
		Disable bool     `yaml:"disable"`
	} `yaml:"healthcheck"`
}

// deployment is docker-compose.yml with the files that it uses.
type deployment struct {
	compose, dockerfile, proxy string
	// helloFlags are the flags that cmd/hello has.
	helloFlags []string
}

func readDeployment(t *testing.T) deployment {
	t.Helper()
	read := func(name string) string {
		text, err := os.ReadFile(path.Join("../..", name))
		must(t, err)
		return string(text)
	}
	usage, err := exec.Command("go", "run", "keyturn/cmd/hello", "-h").CombinedOutput()
	if err != nil {
		t.Fatalf("hello -h: %v\n%s", err, usage)
	}
	d := deployment{compose: read("docker-compose.yml"), dockerfile: read("Dockerfile"), proxy: read("docs/deploy/nginx.conf")}
	for _, match := range regexp.MustCompile(`(?m)^  -([a-z-]+)`).FindAllStringSubmatch(string(usage), -1) {
		d.helloFlags = append(d.helloFlags, match[1])
	}
	return d
}

// TestCompose holds docker-compose.yml, the Dockerfile and the proxy's settings against the program.
func TestCompose(t *testing.T) {
	for _, problem := range readDeployment(t).judge() {
		t.Error(problem)
	}
}

// TestComposeNoticesFaults: a judge that can't say no proves nothing.
func TestComposeNoticesFaults(t *testing.T) {
	good := readDeployment(t)
	for _, fault := range []struct{ file, from, to, want string }{
		{"compose", "KEYTURN_TRUSTED_PROXIES:", "KEYTURN_TRUSTED_PROXY:", "no such setting"},
		{"compose", "KEYTURN_ISSUER: http://localhost:8080", "KEYTURN_ISSUER: http://id.example.com", "must be https"},
		{"compose", "KEYTURN_ISSUER: http://localhost:8080", "KEYTURN_ISSUER: http://localhost:8088", "not published"},
		{"compose", "KEYTURN_LISTEN: 0.0.0.0:8080", "KEYTURN_LISTEN: 0.0.0.0:8000", "does not listen on 8080"},
		{"compose", "KEYTURN_LISTEN: 0.0.0.0:8080", "KEYTURN_LISTEN: 127.0.0.1:8080", "out of reach"},
		{"compose", "subnet: 172.30.77.0/24", "subnet: 172.30.78.0/24", "trusted proxies"},
		{"compose", "keyturn:demo-only@", "keyturn:another@", "password"},
		{"compose", "- master:/data", "- master:/elsewhere", "no volume at"},
		{"compose", `"/keyturn", "healthcheck"`, `"/keyturn", "health"`, "no command"},
		{"compose", "condition: service_healthy", "condition: service_completed", "condition"},
		{"compose", "--insecure-allow-http", "--insecure", "no flag"},
		{"compose", "http://proxy/.well-known", "http://gateway/.well-known", "no service"},
		{"compose", "- --issuer=http://localhost:8080", "- --issuer=http://localhost:9999", "another issuer"},
		{"compose", "127.0.0.1:8080:80", "8080:80", "loopback"},
		{"compose", "127.0.0.1:8082:8081", "127.0.0.1:8082:8088", "does not listen on 8088"},
		{"compose", "read_only: true", "privileged: true", "privileged"},
		{"compose", "docs/deploy/nginx.conf", "docs/deploy/caddy.conf", "does not exist"},
		{"proxy", "server keyturn-b:8080", "server keyturn-b:8081", "does not listen on 8081"},
		{"proxy", "server keyturn-b:8080", "server keyturn-c:8080", "no service"},
		{"proxy", "listen 80;", "listen 81;", "does not listen on 80"},
		{"dockerfile", "USER 65532", "USER 0", "root"},
		{"dockerfile", `CMD ["serve"]`, `CMD ["server"]`, "no command"},
		{"dockerfile", "KEYTURN_DATA_DIR=/data", "KEYTURN_DATA_FOLDER=/data", "no such setting"},
	} {
		t.Run(fault.to, func(t *testing.T) {
			d := good
			text := map[string]*string{"compose": &d.compose, "proxy": &d.proxy, "dockerfile": &d.dockerfile}[fault.file]
			if !strings.Contains(*text, fault.from) {
				t.Fatalf("%q is not in the file any more", fault.from)
			}
			*text = strings.ReplaceAll(*text, fault.from, fault.to)
			problems := strings.Join(d.judge(), "\n")
			if !strings.Contains(problems, fault.want) {
				t.Errorf("want %q in the problems, got:\n%s", fault.want, problems)
			}
		})
	}
}

// judge returns everything in which the files do not fit the program or one another.
func (d deployment) judge() []string {
	j := judgement{deployment: d, listens: map[string]string{}}
	if err := yaml.Unmarshal([]byte(d.compose), &j.file); err != nil {
		return []string{err.Error()}
	}
	j.image()
	names := slices.Sorted(maps.Keys(j.file.Services))
	for _, name := range names {
		j.program(name, j.file.Services[name])
	}
	j.proxyServer()
	for _, name := range names {
		j.service(name, j.file.Services[name])
	}
	return j.problems
}

type judgement struct {
	deployment
	file     composeFile
	imageEnv []string
	// listens is the port that each service listens on inside.
	listens  map[string]string
	issuer   string
	problems []string
}

func (j *judgement) bad(format string, args ...any) {
	j.problems = append(j.problems, fmt.Sprintf(format, args...))
}

var (
	imageUser    = regexp.MustCompile(`(?m)^USER (\S+)`)
	imageSetting = regexp.MustCompile(`(KEYTURN_[A-Z_]+=\S+)`)
	imageRun     = regexp.MustCompile(`CMD \["(.*)"\]`)
)

// image reads what the Dockerfile gives every container.
func (j *judgement) image() {
	if user := imageUser.FindStringSubmatch(j.dockerfile); user == nil || strings.HasPrefix(user[1], "0") || user[1] == "root" {
		j.bad("Dockerfile: runs as root")
	}
	j.imageEnv = imageSetting.FindAllString(j.dockerfile, -1)
	for _, match := range imageRun.FindAllStringSubmatch(j.dockerfile, -1) {
		args := strings.Split(match[1], `", "`)
		if args[0] == "/keyturn" {
			args = args[1:]
		}
		j.command("Dockerfile", args)
	}
}

// command checks that keyturn has a command of that name.
func (j *judgement) command(where string, args []string) {
	if problem := checkCommandLine(args); problem != "" {
		j.bad("%s: keyturn %s: %s", where, strings.Join(args, " "), problem)
	}
}

// program checks what a service of our image is told.
func (j *judgement) program(name string, s composeService) {
	switch {
	case s.Image != "keyturn:local":
	case slices.Equal(s.Entrypoint, []string{"/hello"}):
		j.hello(name, s)
	default:
		j.keyturn(name, s)
	}
}

func (j *judgement) keyturn(name string, s composeService) {
	environ := slices.Clone(j.imageEnv)
	for variable, value := range s.Environment {
		environ = append(environ, variable+"="+value)
	}
	config, err := loadConfig(source{environ: environ, readFile: noFile})
	if err != nil {
		j.bad("%s: no such setting or value: %v", name, err)
		return
	}
	host, port, _ := net.SplitHostPort(config.Listen)
	if loopback(host) {
		j.bad("%s: KEYTURN_LISTEN is out of reach for the proxy", name)
	}
	j.listens[name] = port
	if j.issuer != "" && j.issuer != config.Issuer {
		j.bad("%s: another issuer than its sibling's", name)
	}
	j.issuer = config.Issuer
	if !slices.ContainsFunc(s.Volumes, func(v string) bool { return strings.HasSuffix(v, ":"+config.DataDir) }) {
		j.bad("%s: no volume at %s, where the master identity is", name, config.DataDir)
	}
	database := j.file.Services["postgres"].Environment
	if want := fmt.Sprintf("postgres://%s:%s@postgres:5432/%s?", database["POSTGRES_USER"], database["POSTGRES_PASSWORD"], database["POSTGRES_DB"]); !strings.HasPrefix(config.DatabaseURL, want) {
		j.bad("%s: user, password or name of the database is not that of service postgres", name)
	}
	for _, network := range j.file.Networks["default"].IPAM.Config {
		if !slices.Contains(config.TrustedProxies, network.Subnet) {
			j.bad("%s: the trusted proxies leave out the network %s", name, network.Subnet)
		}
	}
}

func (j *judgement) hello(name string, s composeService) {
	given := map[string]string{}
	for _, argument := range s.Command {
		flag, value, _ := strings.Cut(strings.TrimPrefix(argument, "--"), "=")
		if !slices.Contains(j.helloFlags, flag) {
			j.bad("%s: hello has no flag --%s", name, flag)
		}
		given[flag] = value
	}
	config := hello.Config{Issuer: given["issuer"], JWKSURL: given["jwks-url"], Audience: given["audience"]}
	if _, insecure := given["insecure-allow-http"]; insecure {
		config.Options = append(config.Options, verify.InsecureAllowHTTP())
	}
	if _, err := hello.New(config); err != nil {
		j.bad("%s: %v", name, err)
	}
	keysAt := strings.TrimSuffix(strings.TrimPrefix(config.JWKSURL, "http://"), "/.well-known/jwks.json")
	if _, found := j.file.Services[keysAt]; !found {
		j.bad("%s: fetches its keys from %q, which is no service", name, config.JWKSURL)
	}
	_, j.listens[name], _ = net.SplitHostPort(given["listen"])
}

var (
	proxyListen   = regexp.MustCompile(`(?m)^\s*listen (\d+);`)
	proxyUpstream = regexp.MustCompile(`(?m)^\s*server ([a-z0-9-]+):(\d+);`)
)

// proxyServer checks that the proxy leads to where the instances listen.
func (j *judgement) proxyServer() {
	if listen := proxyListen.FindStringSubmatch(j.proxy); listen != nil {
		j.listens["proxy"] = listen[1]
	}
	upstreams := proxyUpstream.FindAllStringSubmatch(j.proxy, -1)
	if len(upstreams) != 2 {
		j.bad("proxy: %d upstream servers, want the two instances", len(upstreams))
	}
	for _, upstream := range upstreams {
		j.reach("proxy", upstream[1], upstream[2])
	}
}

func (j *judgement) reach(from, service, port string) {
	if _, found := j.file.Services[service]; !found {
		j.bad("%s: there is no service %s", from, service)
	} else if j.listens[service] != port {
		j.bad("%s: %s does not listen on %s", from, service, port)
	}
}

// service checks what holds for every service.
func (j *judgement) service(name string, s composeService) {
	if s.Privileged || s.NetworkMode == "host" || len(s.CapAdd) > 0 || s.User == "root" {
		j.bad("%s: is privileged", name)
	}
	for _, port := range s.Ports {
		part := strings.Split(port, ":")
		if address, err := netip.ParseAddr(part[0]); len(part) != 3 || err != nil || !address.IsLoopback() {
			j.bad("%s: port %s is not published on loopback only", name, port)
			continue
		}
		j.reach(name, name, part[2])
		if name == "proxy" && j.issuer != "http://localhost:"+part[1] {
			j.bad("the issuer %s is not published by the proxy", j.issuer)
		}
	}
	for other, on := range s.DependsOn {
		healthy := j.file.Services[other].Healthcheck
		if on.Condition != "service_healthy" || len(healthy.Test) == 0 || healthy.Disable {
			j.bad("%s: waits for %s, condition %s, but has no health check for that", name, other, on.Condition)
		}
	}
	if test := s.Healthcheck.Test; len(test) > 2 && test[1] == "/keyturn" {
		j.command(name, test[2:])
	}
	for _, volume := range s.Volumes {
		from, _, _ := strings.Cut(volume, ":")
		if _, named := j.file.Volumes[from]; named {
			continue
		}
		if _, err := os.Stat(path.Join("../..", from)); err != nil {
			j.bad("%s: %s does not exist", name, from)
		}
	}
	if slices.Contains(s.Entrypoint, "/hello") && !slices.Contains(s.Command, "--issuer="+j.issuer) {
		j.bad("%s: follows another issuer than %s", name, j.issuer)
	}
}
