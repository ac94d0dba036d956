#include "runtime/linux/signals.h"

#include <sys/signalfd.h>

#include "base/assert.h"

namespace squall::runtime {

StopSignals::StopSignals(Reactor& reactor, std::function<void(int)> on_signal) : on_signal_{std::move(on_signal)} {
  sigset_t stops;
  sigemptyset(&stops);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stops, &before_);
  fd_.reset(signalfd(-1, &stops, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd_) fatal(ExitCode::internal_error, "the kernel gives no signal descriptor");
  watch_.on_ready = [this] { take(); };
  if (!reactor.add(fd_.get(), watch_)) fatal(ExitCode::internal_error, "epoll refuses the signal descriptor");
}

StopSignals::~StopSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

void StopSignals::take() {
  signalfd_siginfo info{};
  while (::read(fd_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    on_signal_(static_cast<int>(info.ssi_signo));
  }
}

void ignore_broken_pipes() { (void)signal(SIGPIPE, SIG_IGN); }

}  // namespace squall::runtime
