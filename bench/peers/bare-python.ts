/** What Python's own HTTP server answers on this machine, in one process, a thread for each connection. */

import { spawn } from 'node:child_process';

const SERVER = `
import http.server
class Hello(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        self.send_response(200)
        self.send_header('content-type', 'text/plain')
        self.send_header('content-length', '5')
        self.end_headers()
        self.wfile.write(b'hello')
    def log_message(self, *args):
        pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Hello)
print('http://127.0.0.1:%d' % server.server_port, flush=True)
server.serve_forever()
`;

const child = spawn('python3', ['-I', '-c', SERVER], { stdio: ['ignore', 'inherit', 'inherit'] });
child.once('exit', () => process.exit(1));
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    child.kill('SIGKILL');
    process.exit(0);
  });
