// SPDX-License-Identifier: MIT
#include "cli/lab/local_request.hpp"

#include <llhttp/llhttp.h>

#include <algorithm>
#include <cctype>
#include <utility>

namespace aperto::cli {

namespace {

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char each) { return static_cast<char>(std::tolower(each)); });
    return text;
}

}  // namespace

struct local_request_reader::state {
    state() {
        llhttp_settings_init(&settings);
        settings.on_url = [](llhttp_t* at, const char* bytes, std::size_t size) {
            return of(at).add_head(of(at).target, bytes, size);
        };
        settings.on_header_field = [](llhttp_t* at, const char* bytes, std::size_t size) {
            return of(at).add_head(of(at).field, bytes, size);
        };
        settings.on_header_value = [](llhttp_t* at, const char* bytes, std::size_t size) {
            return of(at).add_head(of(at).value, bytes, size);
        };
        settings.on_header_value_complete = [](llhttp_t* at) { return of(at).end_header(); };
        settings.on_body = [](llhttp_t* at, const char* bytes, std::size_t size) {
            return of(at).add_body(bytes, size);
        };
        settings.on_message_complete = [](llhttp_t* at) { return of(at).end(); };
        llhttp_init(&parser, HTTP_REQUEST, &settings);
        parser.data = this;
    }
    static state& of(llhttp_t* at) noexcept { return *static_cast<state*>(at->data); }

    int add_head(std::string& to, const char* bytes, std::size_t size) {
        head_size += size;
        if (head_size > head_size_max) return -1;
        to.append(bytes, size);
        return 0;
    }
    int add_body(const char* bytes, std::size_t size) {
        if (now.body.size() + size > body_size_max) return -1;
        now.body.append(bytes, size);
        return 0;
    }
    /// A second Host or Origin makes the request one that nobody need understand (RFC 9112 3.2).
    int end_header() {
        const auto name = lower(std::exchange(field, {}));
        const auto given = std::exchange(value, {});
        for (const auto& [known, to] : {std::pair{"host", &now.host}, std::pair{"origin", &now.origin},
                                        std::pair{"content-type", &now.content_type}}) {
            if (name != known) continue;
            if (!to->empty()) return -1;
            *to = given;
        }
        return 0;
    }
    int end() {
        now.method = llhttp_method_name(static_cast<llhttp_method_t>(parser.method));
        now.path = target.substr(0, target.find('?'));
        complete = std::move(now);
        return HPE_PAUSED;
    }

    llhttp_settings_t settings{};
    llhttp_t parser{};
    std::string target;
    std::string field;
    std::string value;
    std::size_t head_size = 0;
    local_request now;
    std::optional<local_request> complete;
};

local_request_reader::local_request_reader() : state_(std::make_unique<state>()) {}
local_request_reader::~local_request_reader() = default;

bool local_request_reader::feed(std::string_view bytes) {
    const auto how = llhttp_execute(&state_->parser, bytes.data(), bytes.size());
    return how == HPE_OK || state_->complete.has_value();
}

const std::optional<local_request>& local_request_reader::request() const noexcept {
    return state_->complete;
}

}  // namespace aperto::cli
