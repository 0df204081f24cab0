// SPDX-License-Identifier: MIT
#include "cli/http_request.hpp"

#include <llhttp/llhttp.h>

#include <algorithm>
#include <cctype>
#include <deque>
#include <utility>

namespace aperto::cli {

namespace {

constexpr std::size_t head_size_max = std::size_t{16} * 1024;
/// Requests of one client that wait for their answers.
constexpr std::size_t waiting_max = 64;

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char each) { return static_cast<char>(std::tolower(each)); });
    return text;
}

}  // namespace

struct http_reader::state {
    explicit state(std::size_t body) : body_size_max(body) {
        llhttp_settings_init(&settings);
        settings.on_message_begin = [](llhttp_t* at) { return of(at).begin(); };
        settings.on_url = [](llhttp_t* at, const char* bytes, std::size_t size) {
            return of(at).add(of(at).target, bytes, size);
        };
        settings.on_header_field = [](llhttp_t* at, const char* bytes, std::size_t size) {
            return of(at).add(of(at).field, bytes, size);
        };
        settings.on_header_value = [](llhttp_t* at, const char* bytes, std::size_t size) {
            return of(at).add(of(at).value, bytes, size);
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

    int begin() {
        target.clear();
        field.clear();
        value.clear();
        now = {};
        head_size = 0;
        return 0;
    }
    int add(std::string& to, const char* bytes, std::size_t size) {
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
    int end_header() {
        const std::string name = lower(std::exchange(field, {}));
        const std::string given = std::exchange(value, {});
        if (name == "accept" && lower(given).find("application/openmetrics-text") != std::string::npos)
            now.accepts_openmetrics = true;
        for (const auto& [known, to] : {std::pair{"host", &now.host}, std::pair{"origin", &now.origin},
                                        std::pair{"content-type", &now.content_type}}) {
            if (name != known) continue;
            now.repeats = now.repeats || !to->empty();
            *to = given;
        }
        return 0;
    }
    int end() {
        now.method = llhttp_method_name(static_cast<llhttp_method_t>(parser.method));
        now.path = target.substr(0, target.find('?'));
        now.keeps_alive = llhttp_should_keep_alive(&parser) != 0;
        if (complete.size() >= waiting_max) return -1;
        complete.push_back(std::move(now));
        return 0;
    }

    const std::size_t body_size_max;
    llhttp_settings_t settings{};
    llhttp_t parser{};
    std::string target;
    std::string field;
    std::string value;
    std::size_t head_size = 0;
    http_request now;
    std::deque<http_request> complete;
};

http_reader::http_reader(std::size_t body_size_max) : state_(std::make_unique<state>(body_size_max)) {}
http_reader::~http_reader() = default;

bool http_reader::feed(std::string_view bytes) {
    return llhttp_execute(&state_->parser, bytes.data(), bytes.size()) == HPE_OK;
}

std::optional<http_request> http_reader::next() {
    if (state_->complete.empty()) return {};
    http_request first = std::move(state_->complete.front());
    state_->complete.pop_front();
    return first;
}

}  // namespace aperto::cli
