// SPDX-License-Identifier: MIT
#include "lab/view/capture_file.hpp"

#include "lab/view/json_lines.hpp"

#include <fcntl.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace aperto::lab {

namespace {

constexpr std::uint32_t section_header = 0x0A0D0D0A;
constexpr std::uint32_t interface_description = 1;
constexpr std::uint32_t enhanced_packet = 6;
// A run is of one version of IP. LINKTYPE_RAW would take both, but libpcap maps that number to another, and
// then finds a second interface unlike the first.
constexpr std::uint32_t link_type_v4 = 228;
constexpr std::uint32_t link_type_v6 = 229;

void put(std::string& out, std::uint32_t value, int bytes = 4) {
    for (int i = 0; i < bytes; ++i) {
        out += static_cast<char>((value >> (8 * i)) & 0xffU);
    }
}

void pad(std::string& out) { out.resize((out.size() + 3) / 4 * 4, '\0'); }

void option(std::string& out, std::uint32_t code, std::string_view value) {
    put(out, code, 2);
    put(out, static_cast<std::uint32_t>(value.size()), 2);
    out += value;
    pad(out);
}

std::string interface_body(std::string_view name, bool v6) {
    std::string body;
    put(body, v6 ? link_type_v6 : link_type_v4, 2);
    put(body, 0, 2);
    put(body, 0);  // no snapshot limit
    option(body, 2, name);
    option(body, 9, std::string_view("\x09", 1));  // times in units of 10^-9 s
    put(body, 0);
    return body;
}

std::string comment_on(const event& one, narrator& words) {
    std::string out = one.end == fate::lost ? words.loss(one) : std::string();
    const auto add = [&out](const std::string& text) { out += (out.empty() ? "" : "; ") + text; };
    for (const auto name : fault_names(one)) {
        add("wire: " + std::string(name));
    }
    if (one.struck(fault::corrupted)) {
        add("bit " + std::to_string(one.corrupt_bit) + " flipped");
    }
    if (const auto cause = words.again(one); !cause.empty()) {
        add(cause);
    }
    return out;
}

}  // namespace

capture_file::capture_file(const std::string& path, capture_view view, bool v6,
                           const std::vector<named_fault>& named)
    : view_(view), narrator_(named) {
    if (std::filesystem::is_fifo(path)) {
        pipe_ = descriptor(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
        live_.emplace(pipe_.get());
    } else {
        file_.open(path, std::ios::binary | std::ios::trunc);
    }
    if (live_ ? !pipe_ : !file_) {
        throw std::system_error(errno, std::system_category(), path);
    }
    std::string body;
    put(body, 0x1A2B3C4D);
    put(body, 1, 2);
    put(body, 0, 2);
    put(body, 0xffffffff);  // section length: not given
    put(body, 0xffffffff);
    option(body, 4, "aperto lab");
    put(body, 0);
    block(section_header, body);
    block(interface_description, interface_body("client", v6));
    block(interface_description, interface_body("server", v6));
}

void capture_file::block(std::uint32_t type, const std::string& body) {
    std::string out;
    const auto size = static_cast<std::uint32_t>(body.size() + 12);
    put(out, type);
    put(out, size);
    out += body;
    put(out, size);
    if (live_) {
        live_->write(out);
    } else {
        file_.write(out.data(), static_cast<std::streamsize>(out.size()));
    }
}

void capture_file::offer() {
    if (live_) {
        live_->offer();
    }
}

void capture_file::write_packet(side interface, instant when, bytes_view bytes, const std::string& comment) {
    const auto time = static_cast<std::uint64_t>((zero_ + when).count());
    const auto size = static_cast<std::uint32_t>(bytes.size());
    std::string body;
    put(body, static_cast<std::uint32_t>(index(interface)));
    put(body, static_cast<std::uint32_t>(time >> 32U));
    put(body, static_cast<std::uint32_t>(time & 0xffffffffU));
    put(body, size);
    put(body, size);
    body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    pad(body);
    if (!comment.empty()) {
        option(body, 1, comment);
        put(body, 0);
    }
    block(enhanced_packet, body);
}

void capture_file::add(const seen_packet& one) {
    const auto& what = one.what;
    const auto comment = comment_on(what, narrator_);
    if (view_ == capture_view::sent) {
        if (!what.struck(fault::copy)) {
            write_packet(what.from, what.sent, one.bytes, comment);
        }
        return;
    }
    const auto here = view_ == capture_view::client ? side::client : side::server;
    if (what.from == here) {
        if (!what.struck(fault::copy | fault::made_by_wire)) {
            waiting_.emplace(what.sent, waiting_packet{here, one.bytes, comment});
        }
    } else if (what.end == fate::delivered) {
        auto bytes = one.bytes;
        if (what.struck(fault::corrupted)) {
            flip_bit(bytes, what.corrupt_bit);
        }
        if (what.struck(fault::ce_marked)) {
            set_ecn(bytes, 3);
        }
        waiting_.emplace(what.arrived, waiting_packet{here, std::move(bytes), comment});
    }
}

bool capture_file::finish() {
    for (const auto& [when, one] : waiting_) {
        write_packet(one.interface, when, one.bytes, one.comment);
    }
    waiting_.clear();
    if (live_) {
        const bool taken = live_->finish();
        pipe_.close();
        return taken;
    }
    file_.close();
    return !file_.fail();
}

}  // namespace aperto::lab
