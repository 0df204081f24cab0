// SPDX-License-Identifier: MIT
// acknowledge_first PORT MAILDIR: says 250 and keeps the letter afterwards, which kill_test.py must notice.
#include "mail/maildir.hpp"
#include "mail/session.hpp"

#include <cstdlib>

namespace {

class hasty_letter final : public mail::letter {
public:
    explicit hasty_letter(std::unique_ptr<mail::letter> real) : real_(std::move(real)) {}
    std::string id() const override { return real_->id(); }
    aperto::task<std::error_code> write(std::string part) override { return real_->write(std::move(part)); }
    aperto::task<std::error_code> keep(std::string part) override {
        aperto::loop::current().spawn(keep_later(real_, std::move(part)));
        co_return std::error_code();
    }

private:
    static aperto::task<> keep_later(std::shared_ptr<mail::letter> what, std::string part) {
        aperto::task<std::error_code> keeping = what->keep(std::move(part));
        co_await keeping;
    }
    std::shared_ptr<mail::letter> real_;
};

class hasty_box final : public mail::box {
public:
    explicit hasty_box(mail::box& real) : real_(real) {}
    std::unique_ptr<mail::letter> begin() override { return std::make_unique<hasty_letter>(real_.begin()); }

private:
    mail::box& real_;
};

}  // namespace

int main(int count, char** words) {
    if (count != 3) return 2;
    mail::rules by;
    by.name = "here.example";
    mail::maildir into(words[2], by.name);
    hasty_box hasty(into);
    aperto::options net;
    net.host = "127.0.0.1";
    net.port = static_cast<std::uint16_t>(std::atoi(words[1]));
    net.workers = 2;
    return aperto::serve(net, [&](aperto::stream peer) { return mail::serve(std::move(peer), by, hasty); });
}
