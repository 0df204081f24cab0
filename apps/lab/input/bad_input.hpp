// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

namespace aperto::lab {

/// What a person wrote cannot be meant: an option, a selector, a scenario's key. The program ends with exit
/// code 2.
class bad_input : public std::runtime_error {
public:
    /// `place` is the byte of the text where it goes wrong, from 0.
    explicit bad_input(const std::string& why, std::size_t place = 0)
        : std::runtime_error(why), place_(place) {}
    std::size_t place() const noexcept { return place_; }

private:
    std::size_t place_;
};

/// This machine does not allow what the lab needs (exit code 77). `remedy` is a command or a sentence.
class cannot_here : public std::runtime_error {
public:
    cannot_here(const std::string& why, std::string remedy)
        : std::runtime_error(why), remedy_(std::move(remedy)) {}
    const std::string& remedy() const noexcept { return remedy_; }

private:
    std::string remedy_;
};

}  // namespace aperto::lab
