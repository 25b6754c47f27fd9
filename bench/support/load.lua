-- Load: what wrk sends, and its figures as one line of JSON.
-- With an argument it posts that file, and a reply counts only if it holds the text of the second argument.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  wrong = 0
  if args[1] == nil then return end
  local file = assert(io.open(args[1], 'rb'))
  wrk.method = 'POST'
  wrk.headers['Content-Type'] = 'application/json'
  wrk.body = file:read('*a')
  file:close()
  local expected = args[2]
  -- wrk reads replies, which costs it time, only where this function is there.
  response = function(status, headers, body)
    if not string.find(body, expected, 1, true) then wrong = wrong + 1 end
  end
end

function done(summary, latency)
  local unexpected = 0
  for _, thread in ipairs(threads) do unexpected = unexpected + thread:get('wrong') end
  local errors = summary.errors
  print(string.format('{"requests":%d,"durationUs":%d,"p50Us":%d,"p99Us":%d,'
    .. '"failures":{"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d,"unexpected":%d}}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.timeout, errors.status, unexpected))
end
