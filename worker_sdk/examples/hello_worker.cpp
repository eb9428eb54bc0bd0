// A worker in a few lines. Try it with a server on this machine:
//
//   qctl submit greet '"world"' --queue hello --wait 10s
#include <quern/quern.h>

#include <iostream>

int main(int argc, char** argv) try {
  quern::Client client({.server = argc > 1 ? argv[1] : "http://127.0.0.1:7480"});
  quern::Worker worker{client, {.queues = {"hello"}, .concurrency = 4}};
  worker.handle("greet", [](quern::Context& context) {
    std::cout << "Hello " << context.payload() << std::endl;
    return R"({"greeted": )" + context.payload() + "}";
  });
  worker.run_until_signal();
} catch (const quern::ApiError& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
