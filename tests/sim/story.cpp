// SPDX-License-Identifier: MIT
#include "sim/story.hpp"

#include <algorithm>
#include <array>

namespace aperto::sim {
namespace {

constexpr std::size_t header_size = 4;  // "12.3"-like: two letters for the client, two for the message

std::string header_of(std::size_t who, std::size_t which) {
    const auto letter = [](std::size_t digit) { return static_cast<char>('a' + digit % 26); };
    return {letter(who / 26), letter(who), letter(which / 26), letter(which)};
}

std::size_t client_in(std::string_view text) {
    return static_cast<std::size_t>(text[0] - 'a') * 26 + static_cast<std::size_t>(text[1] - 'a');
}

}  // namespace

std::string answer_to(std::string_view text) {
    std::string upper(text);
    for (char& each : upper)
        if (each >= 'a' && each <= 'z') each = static_cast<char>(each - 'a' + 'A');
    return upper;
}

story::story(world& in, mischief weather) : world_(in), weather_(weather) {}

host& story::add_machine(std::string name, std::uint32_t buffer_min) {
    constexpr std::array<std::uint32_t, 5> sizes{3, 20, 100, 1500, 16'384};
    constexpr std::array<std::uint32_t, 4> counts{1, 2, 4, 64};
    constexpr std::array<std::uint32_t, 3> bulks{0, 3000, 65'536};
    constexpr std::array<std::uint32_t, 4> windows{200, 1000, 8192, 65'536};
    return world_.add_host(std::move(name),
                           {.send_buffer = windows[pick(windows.size())],
                            .receive_buffer = windows[pick(windows.size())],
                            .lent_buffers = counts[pick(counts.size())],
                            .lent_buffer_size = std::max(buffer_min, sizes[pick(sizes.size())]),
                            .bulk_buffer_size = bulks[pick(bulks.size())],
                            .engine = pick(3) == 0 ? engine::epoll : engine::uring});
}

aperto::options story::server_options() {
    constexpr std::array<std::size_t, 3> waters{64, 5000, 256 * 1024};
    aperto::options chosen;
    chosen.host = "office";
    chosen.high_water = waters[pick(waters.size())];
    chosen.max_connections = 100;
    // Where a deadline is not what the story is about, it must not be in its way.
    chosen.idle_timeout = chosen.message_deadline = chosen.write_deadline = chosen.handshake_deadline =
        std::chrono::hours(1);
    chosen.events = this;
    return chosen;
}

void story::plan_client(std::size_t who, std::size_t messages, framing how) {
    if (clients_.size() <= who) clients_.resize(who + 1);
    most_seen_.resize(clients_.size());
    client& each = clients_[who];
    for (std::size_t which = 0; which < messages; ++which) {
        constexpr std::array<std::size_t, 4> most{1, 40, 200, 1500};
        std::string text = header_of(who, which);
        const std::size_t size = pick(most[pick(most.size())]);
        for (std::size_t i = 0; i < size; ++i)
            text += static_cast<char>('a' + (who * 7 + which * 3 + i * i) % 26);
        // Where a length says where the message ends, any byte may stand in it.
        if (how == framing::length && size > 2) text[header_size] = "\n\r\0x"[which % 4];
        append_frame(how, text, each.wire);
        each.messages.push_back(std::move(text));
    }
}

void story::server_got(std::uint64_t connection, std::uint64_t offset, std::string_view text, framing how) {
    seen& so_far = seen_[connection];
    if (so_far.start.size() < 2) so_far.start += text.substr(0, 2 - so_far.start.size());
    const bool known = so_far.start.size() == 2;  // not yet, after a first byte alone
    if (known) so_far.who = client_in(so_far.start);
    world_.expect(so_far.who < clients_.size(), "the server got bytes that no client sent");
    if (how == framing::stream) {
        world_.expect(offset == so_far.bytes, "the server lost its place in the stream");
        so_far.bytes += text.size();
        const std::string& all = clients_[so_far.who].wire;
        const bool same = offset + text.size() <= all.size() && all.compare(offset, text.size(), text) == 0;
        world_.expect(same || !known, "the server got bytes in another order, or others, than were sent");
        return;
    }
    const std::vector<std::string>& sent = clients_[so_far.who].messages;
    world_.expect(so_far.next < sent.size(), "the server got a message too many");
    world_.expect(sent[so_far.next] == text, "the server got another message than was sent");
    most_seen_[so_far.who] = std::max(most_seen_[so_far.who], ++so_far.next);
}

void story::client_got(std::size_t who, std::size_t which, std::string_view reply) {
    client& each = clients_[who];
    world_.expect(which < each.messages.size(), "a client got a reply too many");
    world_.expect(reply == answer_to(each.messages[which]), "a client got another reply than the right one");
    world_.expect(most_seen_[who] > which, "a reply came to a message that the server never got");
    each.answered = which + 1;
}

void story::client_failed(std::size_t who, const error& why) {
    clients_[who].failed = why.what();
    world_.expect(breaking(), std::string("a client failed in fair weather: ") + why.what());
    const bool known =
        why.code() == std::errc::connection_reset || why.code() == std::errc::broken_pipe ||
        why.code() == std::errc::timed_out || why.code() == std::errc::connection_refused ||
        why.code() == std::errc::no_buffer_space || why.code() == std::errc::not_enough_memory ||
        why.code() == std::errc::too_many_files_open || why.code() == std::errc::address_not_available ||
        why.code() == std::errc::not_connected || why.code() == errc::cut_short ||
        why.code() == errc::name_try_again || why.code() == errc::closed;
    world_.expect(known, std::string("a client got an error that nothing explains: ") + why.what());
}

void story::judge(bool all) {
    if (!all || breaking()) return;
    for (const client& each : clients_)
        world_.expect(each.finished, "a client did not come to its end");
}

void story::judge_replies() {
    if (breaking()) return;
    for (std::size_t who = 0; who < clients_.size(); ++who)
        world_.expect(clients_[who].answered == most_seen_[who],
                      "a reply to a message that the server took was lost");
}

void story::client_left(server& running) {
    if (++left_ == clients_.size()) running.stop();
}

void story::closed(const connection_view&, const closing& how) {
    endings_.push_back({how.reason, how.lifetime, in().elapsed()});
}

}  // namespace aperto::sim
