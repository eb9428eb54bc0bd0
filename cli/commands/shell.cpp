#include <CLI/App.hpp>
#include <iostream>
#include <memory>

#include "commands/commands.h"
#include "commands/options.h"
#include "shell/model.h"

namespace quern::cli {

void add_completions(CLI::App& app, Session& session) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("completions", "Print completions for a shell");
  add_choice(*command, "shell", *shell, {"bash", "zsh", "fish"}, "Which shell")->required();
  add_examples(*command,
               "  source <(qctl completions bash)\n"
               "  qctl completions zsh > ~/.zfunc/_qctl\n"
               "  qctl completions fish > ~/.config/fish/completions/qctl.fish\n");
  command->callback([&app, &session, shell] {
    session.action = [&app, shell] {
      const CommandModel root = model_of(app);
      std::cout << (*shell == "bash"  ? bash_completions(root)
                    : *shell == "zsh" ? zsh_completions(root)
                                      : fish_completions(root));
      return exit_ok;
    };
  });
}

void add_man(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("man", "Print the manual page");
  add_examples(*command, "  qctl man | man -l -\n");
  command->callback([&app, &session] {
    session.action = [&app] {
      std::cout << manual_page(model_of(app));
      return exit_ok;
    };
  });
}

}  // namespace quern::cli
