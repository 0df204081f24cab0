// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace aperto::cli {

struct http_request {
    std::string method;  ///< "GET"
    std::string path;    ///< without what follows a '?'
    bool accepts_openmetrics = false;
    bool keeps_alive = true;
};

/// Reads HTTP/1 requests (RFC 9112) from a stream, by llhttp, the parser of Node.js. Of bounded memory: a request with a
/// body, or with more than 16 KiB before it, is refused.
class http_reader {
public:
    http_reader();
    ~http_reader();
    http_reader(const http_reader&) = delete;
    http_reader& operator=(const http_reader&) = delete;

    /// False where the bytes are no requests, or too much of one: nothing more is taken then.
    bool feed(std::string_view bytes);
    /// The next whole request.
    std::optional<http_request> next();

private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace aperto::cli
