// SPDX-License-Identifier: MIT
#include "lab/virtual/guest_request.hpp"

#include <fmt/format.h>

#include <charconv>
#include <stdexcept>

namespace aperto::lab {

namespace {

/// Fields end with a zero byte, which no argument, path or variable can have in it.
class field_writer {
public:
    void add(std::string_view field) { text_.append(field).push_back('\0'); }
    void add(std::uint64_t number) { add(fmt::format("{}", number)); }
    template <class List>
    void add_list(const List& list) {
        add(std::uint64_t{list.size()});
        for (const auto& one : list) {
            add(one);
        }
    }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
};

class field_reader {
public:
    explicit field_reader(std::string_view text) : rest_(text) {}

    std::string word() {
        const auto end = rest_.find('\0');
        if (end == std::string_view::npos) {
            throw std::runtime_error("the request of the virtual machine is cut short");
        }
        std::string out(rest_.substr(0, end));
        rest_.remove_prefix(end + 1);
        return out;
    }
    template <class Number>
    Number number() {
        const auto text = word();
        std::uint64_t value = 0;
        const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (wrong != std::errc{} || end != text.data() + text.size()) {
            throw std::runtime_error("the request of the virtual machine has no number where one belongs");
        }
        return static_cast<Number>(value);
    }
    template <class Each>
    void list(Each each) {
        for (auto left = number<std::size_t>(); left > 0; --left) {
            each();
        }
    }

private:
    std::string_view rest_;
};

}  // namespace

std::string guest_request::text() const {
    field_writer writer;
    writer.add_list(arguments);
    writer.add_list(environment);
    writer.add(folder);
    writer.add(std::uint64_t{user});
    writer.add(std::uint64_t{group});
    writer.add_list(std::vector<std::uint64_t>(groups.begin(), groups.end()));
    for (const auto one :
         {std::uint64_t{mask}, static_cast<std::uint64_t>(in), static_cast<std::uint64_t>(out),
          static_cast<std::uint64_t>(err), std::uint64_t{rows}, std::uint64_t{columns}}) {
        writer.add(one);
    }
    writer.add_list(wanted);
    writer.add_list(kept);
    return writer.take();
}

guest_request guest_request::read(std::string_view text) {
    field_reader from(text);
    guest_request out;
    from.list([&] { out.arguments.push_back(from.word()); });
    from.list([&] { out.environment.push_back(from.word()); });
    out.folder = from.word();
    out.user = from.number<uid_t>();
    out.group = from.number<gid_t>();
    from.list([&] { out.groups.push_back(from.number<gid_t>()); });
    out.mask = from.number<mode_t>();
    out.in = from.number<stdio_kind>();
    out.out = from.number<stdio_kind>();
    out.err = from.number<stdio_kind>();
    out.rows = from.number<unsigned>();
    out.columns = from.number<unsigned>();
    from.list([&] { out.wanted.push_back(from.word()); });
    from.list([&] { out.kept.push_back(from.word()); });
    return out;
}

std::string frame(frame_kind kind, std::string_view bytes) {
    std::string out(frame_head_size, '\0');
    out[0] = static_cast<char>(kind);
    for (std::size_t i = 0; i < 4; ++i) {
        out[4 + i] = static_cast<char>(bytes.size() >> 8 * i & 0xffU);
    }
    return out.append(bytes);
}

bool next_frame(std::string_view bytes, read_frame& out) {
    if (bytes.size() < frame_head_size) {
        return false;
    }
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        length |= std::size_t{static_cast<unsigned char>(bytes[4 + i])} << 8 * i;
    }
    if (bytes.size() - frame_head_size < length) {
        return false;
    }
    out = {static_cast<frame_kind>(bytes[0]), bytes.substr(frame_head_size, length),
           frame_head_size + length};
    return true;
}

}  // namespace aperto::lab
