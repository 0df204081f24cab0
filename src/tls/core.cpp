// SPDX-License-Identifier: MIT
#include "tls/core.hpp"

#include "aperto/error.hpp"

#include <algorithm>
#include <utility>

namespace aperto::tls {

void session_store::put(const std::string& name, session_handle one) {
    const std::lock_guard lock(mutex_);
    if (by_name_.size() >= names_max && !by_name_.contains(name)) by_name_.erase(by_name_.begin());
    by_name_[name] = std::move(one);
}

session_handle session_store::take(const std::string& name) noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) return nullptr;
    if (SSL_SESSION_get_protocol_version(found->second.get()) < TLS1_3_VERSION) {
        SSL_SESSION_up_ref(found->second.get());
        return session_handle(found->second.get());
    }
    session_handle one = std::move(found->second);
    by_name_.erase(found);
    return one;
}

core::core(server_options chosen) : is_server_(true), server_(std::move(chosen)), files_(load()) {}

core::core(client_options chosen) : is_server_(false), client_(std::move(chosen)), files_(load()) {}

std::shared_ptr<loaded> core::load() const {
    auto fresh = std::make_shared<loaded>();
    if (is_server_) {
        fresh->contexts.push_back(make_server_context(server_, {server_.certificate, server_.key}));
        for (const key_pair& each : server_.more)
            fresh->contexts.push_back(make_server_context(server_, each));
        const duration lifetime = std::max<duration>(server_.ticket_key_lifetime, std::chrono::seconds(1));
        fresh->tickets = std::make_shared<ticket_keys>(lifetime);
    } else {
        fresh->contexts.push_back(make_client_context(client_));
        fresh->sessions = std::make_shared<session_store>();
    }
    for (const context_handle& each : fresh->contexts)
        fresh->expires = std::min(fresh->expires, expiry_of(each));
    return fresh;
}

void core::count_failure(const std::error_code& why) noexcept {
    count.failed.fetch_add(1, std::memory_order_relaxed);
    const bool ours = why.category() == tls_category() && why.value() >= 1 &&
                      static_cast<std::size_t>(why.value()) <= errc_count;
    const auto which = static_cast<std::size_t>(ours ? why.value() : static_cast<int>(errc::failed)) - 1;
    count.failures[which].fetch_add(1, std::memory_order_relaxed);
}

void core::reload() {
    std::shared_ptr<loaded> fresh;
    try {
        fresh = load();
    } catch (...) {
        count.failed_reloads.fetch_add(1, std::memory_order_relaxed);
        throw;
    }
    const std::lock_guard lock(mutex_);
    // Where clients show nothing, there is nothing that a resumed session leaves out.
    if (is_server_ && server_.client_ca.empty()) fresh->tickets = files_->tickets;
    files_ = std::move(fresh);
    count.reloads.fetch_add(1, std::memory_order_relaxed);
}

std::shared_ptr<const loaded> core::files() const {
    const std::lock_guard lock(mutex_);
    return files_;
}

}  // namespace aperto::tls
