package storagetest

import (
	"net/url"
	"os/exec"
	"testing"
)

// superviseBouncer runs PgBouncer in front of the server whose socket folder is $1.
const superviseBouncer = `target=$1 dir=$2
cd "$dir" || exit 1
cat >"$dir/ini" <<INI
[databases]
* = host=$target user=postgres
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = $dir
auth_type = any
pool_mode = transaction
max_client_conn = 500
default_pool_size = 30
logfile = $dir/log
INI
PATH=$PATH:/usr/sbin pgbouncer -q "$dir/ini" >>"$dir/out" 2>&1 &
pid=$!
n=0
until [ -S "$dir/.s.PGSQL.6432" ]; do
	n=$((n + 1))
	if [ $n -gt 100 ] || ! kill -0 $pid 2>/dev/null; then echo failed; cat "$dir/out" "$dir/log"; rm -rf "$dir"; exit 1; fi
	sleep 0.1
done
echo ready
cat >/dev/null
kill $pid
wait $pid
rm -rf "$dir"
`

// PgBouncer returns a function that leads a URL of Postgres through a PgBouncer in transaction mode,
// where no two transactions of a connection need meet the same session.
func PgBouncer(t testing.TB) (through func(database string) string) {
	t.Helper()
	if _, err := exec.LookPath("pgbouncer"); err != nil {
		if _, err := exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			t.Fatal("this test needs PgBouncer (apt-get install pgbouncer)")
		}
	}
	base, err := server()
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	target := u.Query().Get("host")
	if target == "" {
		target = u.Hostname()
	}
	dir, err := startSupervised(superviseBouncer, target)
	if err != nil {
		t.Fatalf("start PgBouncer: %v", err)
	}
	return func(database string) string {
		u, err := url.Parse(database)
		if err != nil {
			t.Fatal(err)
		}
		query := u.Query()
		query.Set("host", dir)
		query.Set("port", "6432")
		u.RawQuery = query.Encode()
		return u.String()
	}
}
