// SPDX-License-Identifier: MIT
#include "aperto/error.hpp"
#include "aperto/tls.hpp"
#include "tls/core.hpp"
#include "tls/session.hpp"

#include <utility>

namespace aperto::tls {

struct context::state {
    std::shared_ptr<core> shared;
};

context::context(std::unique_ptr<state> made) noexcept : state_(std::move(made)) {}
context::~context() = default;

void context::reload() { state_->shared->reload(); }

std::chrono::system_clock::time_point context::expires() const { return state_->shared->files()->expires; }

tls::counters context::counters() const noexcept {
    const auto& from = state_->shared->count;
    tls::counters now{.handshakes = from.handshakes.load(std::memory_order_relaxed),
                      .resumed = from.resumed.load(std::memory_order_relaxed),
                      .failed = from.failed.load(std::memory_order_relaxed),
                      .reloads = from.reloads.load(std::memory_order_relaxed),
                      .failed_reloads = from.failed_reloads.load(std::memory_order_relaxed)};
    for (std::size_t i = 0; i < now.failures.size(); ++i)
        now.failures[i] = from.failures[i].load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < now.versions.size(); ++i)
        now.versions[i] = from.versions[i].load(std::memory_order_relaxed);
    return now;
}

std::unique_ptr<transport_session> context::open(std::string_view peer_name) const {
    const core& shared = *state_->shared;
    std::string name(shared.is_server() || shared.of_client().name.empty() ? peer_name
                                                                           : shared.of_client().name);
    // The root's dot and an address's zone are this side's affair alone.
    if (name.ends_with('.')) name.pop_back();
    name = name.substr(0, name.find('%'));
    if (!shared.is_server() && name.empty() && !shared.of_client().insecure)
        throw error(aperto::errc::misuse, "begin TLS", {},
                    "Nobody knows for whom the certificate must be: tls::client_options::name says it.");
    return std::make_unique<session>(state_->shared, std::move(name));
}

transport_side context::side() const noexcept {
    return state_->shared->is_server() ? transport_side::server : transport_side::client;
}

std::shared_ptr<context> server(server_options options) {
    return std::make_shared<context>(
        std::make_unique<context::state>(context::state{std::make_shared<core>(std::move(options))}));
}

std::shared_ptr<context> client(client_options options) {
    return std::make_shared<context>(
        std::make_unique<context::state>(context::state{std::make_shared<core>(std::move(options))}));
}

}  // namespace aperto::tls
