// SPDX-License-Identifier: MIT
#pragma once

#include "cli/watch/http_fetch.hpp"
#include "cli/watch/sample.hpp"

#include <memory>
#include <string>

namespace aperto::cli {

/// The connections of a server that answers at its --admin: /connections, /metrics, and of one connection /messages,
/// where the server has them.
class admin_source final : public connection_source {
public:
    /// Asks there once, for at most two seconds. Null: no such server answers; `trouble` then says why.
    static std::unique_ptr<admin_source> find(const endpoint& where, const std::string& name,
                                              std::string& trouble);

    admin_source(endpoint where, std::string name) : where_(std::move(where)), name_(std::move(name)) {}

    void begin() override;
    int descriptor() const override { return fetch_.socket(); }
    short events() const override { return fetch_.events(); }
    bool go_on() override;
    look take() override { return std::move(found_); }
    std::string name() const override { return name_; }
    std::string kind() const override { return "admin"; }
    void want_messages(std::uint64_t connection) override { wanted_ = connection; }

private:
    enum class step { connections, metrics, messages, over };
    void ask(const char* path);
    void take_answer();

    const endpoint where_;
    const std::string name_;
    http_fetch fetch_;
    step now_ = step::over;
    std::uint64_t wanted_ = 0;
    bool has_messages_ = true;  ///< until the server says that it does not know of them
    look found_;
};

}  // namespace aperto::cli
