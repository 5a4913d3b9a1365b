<?php
echo PHP_VERSION, ' ', PHP_OS, ' ', PHP_INT_SIZE, ' ', implode(',', $argv), "\n";
echo json_encode(['a' => [1, 2.5, null], 'é' => true]), ' ', json_decode('{"x":[1]}')->x[0], "\n";
echo preg_replace_callback('/\d+/', fn($m) => $m[0] * 2, 'a1b22c333'), "\n";
printf("%08.3f|%-6s|%b\n", M_PI, 'ab', 5);

function numbers($n) {
    for ($i = 1; $i <= $n; $i++)
        yield $i => $i * $i;
}
echo array_sum(iterator_to_array(numbers(1000))), ' ', hash('sha256', str_repeat('x', 100000)), "\n";

$words = explode(' ', 'the quick brown fox');
usort($words, fn($a, $b) => strlen($a) <=> strlen($b) ?: strcmp($a, $b));
echo implode(' ', $words), ' ', ucwords('hello world'), "\n";
echo iconv('UTF-8', 'ISO-8859-1', 'ü') === "\xfc" ? 'iconv' : 'no iconv', "\n";

file_put_contents('/tmp/data', serialize(range(1, 1000)));
echo array_sum(unserialize(file_get_contents('/tmp/data'))), ' ', filesize('/tmp/data'), "\n";
echo date('Y-m-d H:i', 86400 * 365), "\n";
$day = new DateTime('2024-02-29 +1 year', new DateTimeZone('Europe/Berlin'));
echo $day->format(DATE_ATOM), ' ', getenv('GREETING'), "\n";
echo bin2hex(gzdeflate('aaaaaaaaaaaaaaaaaaaaaaaaaa')), ' ', strlen(random_bytes(16)), "\n";

$all = get_loaded_extensions();
sort($all);
echo implode(' ', $all), "\n";

function fib($n) {
    return $n < 2 ? $n : fib($n - 1) + fib($n - 2);
}
echo fib(18), "\n";
try {
    intdiv(1, 0);
} catch (DivisionByZeroError $error) {
    echo get_class($error), ': ', $error->getMessage(), "\n";
}
exit(4);
