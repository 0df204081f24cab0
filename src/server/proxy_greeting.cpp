// SPDX-License-Identifier: MIT
#include "server/proxy_greeting.hpp"

#include "net/proxy_header.hpp"
#include "server/worker.hpp"

#include <cassert>
#include <string_view>
#include <utility>

namespace aperto {

void first_bytes::hand_to(connection& of) noexcept {
    of.proxied = std::move(told);
    if (!received) return;
    of.take_in_first(*received, skip);
    std::exchange(received, nullptr)->bytes = {};
}

proxy_greeting::proxy_greeting(worker& at, socket_id client, const endpoint& proxy, unsigned place)
    : receive_operation(at.on()),
      deadline(&proxy_greeting::on_deadline),
      worker_(at),
      socket_(client),
      proxy_(proxy),
      place_(place) {
    on_complete = &proxy_greeting::on_bytes;
    worker_.began(*this);
}

proxy_greeting::~proxy_greeting() {
    if (in_flight()) owner().abandon(*this);
    drop_received();
    if (socket_) worker_.on().close(socket_, false);
    greeting_hook::unlink();
    worker_.greeting_ended(place_);
}

void proxy_greeting::start(worker& at, socket_id client, const endpoint& proxy, unsigned place) {
    auto* const one = new proxy_greeting(at, client, proxy, place);
    const duration limit = at.terms_at(place).options.handshake_deadline;
    if (limit != forever) static_cast<deadline&>(*one).set(at.on(), at.on().now() + limit);
    one->go_on(step::receiving);
}

void proxy_greeting::on_bytes(operation& done) {
    auto& self = static_cast<proxy_greeting&>(static_cast<receive_operation&>(done));
    step next = step::over;
    try {
        next = self.take_in();
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
        // It is closed: there is no memory for it, or its transport has none.
    }
    self.go_on(next);
}

void proxy_greeting::on_deadline(timer& passed) {
    auto& self = static_cast<proxy_greeting&>(passed);
    if (self.put_off(self.owner())) return;
    self.late_ = true;
    self.owner().cancel(self);
}

void proxy_greeting::go_on(step next) noexcept {
    try {
        // What waits in a scope that is cancelled already, nobody would end.
        while (next == step::receiving) {
            if (worker_.serving().cancelled())
                next = step::over;
            else if (worker_.on().start_receive(socket_, *this))
                next = take_in();
            else
                break;
        }
    } catch (const std::exception&) {
        next = step::over;
    }
    if (next == step::receiving)
        worker_.serving().enter(*this);
    else
        delete this;
}

/// Who goes again without a word, as a health check does, is not worth a line.
proxy_greeting::step proxy_greeting::take_in() {
    if (result > 0) return take_in_bytes();
    return late_ ? end(limit::handshake_deadline) : step::over;
}

proxy_greeting::step proxy_greeting::take_in_bytes() {
    const std::string_view piece(bytes.data, bytes.size);
    const std::size_t before = begun_.size();
    if (before > 0) begun_ += piece;
    proxy_header header = read_proxy_header(before > 0 ? std::string_view(begun_) : piece);
    switch (header.what) {
    case proxy_header::state::complete:
        assert(header.size > before && "it was incomplete without this piece");
        admit(std::move(header.facts), header.size - before);
        return step::over;
    case proxy_header::state::malformed:
        return end(limit::proxy_from);
    case proxy_header::state::incomplete:
        break;
    }
    if (before == 0) begun_ = piece;
    drop_received();
    return step::receiving;
}

void proxy_greeting::admit(proxy_facts told, std::size_t skip) {
    told.proxy = proxy_;
    first_bytes first;
    const endpoint who = told.source ? told.source : proxy_;
    first.told = std::make_unique<const proxy_facts>(std::move(told));
    first.skip = skip;
    if (skip < bytes.size) first.received = this;
    worker_.admit_greeted(std::exchange(socket_, {}), who, place_, first);
}

proxy_greeting::step proxy_greeting::end(limit why) {
    drop_received();
    worker_.refuse_greeted(std::exchange(socket_, {}), proxy_, place_, why);
    return step::over;
}

void proxy_greeting::drop_received() noexcept {
    if (bytes) worker_.on().give_back(std::exchange(bytes, {}));
}

}  // namespace aperto
