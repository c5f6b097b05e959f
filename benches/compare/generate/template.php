<?php
// A template in the manner of the feeds of well-known blog software: HTML around echo, escaped by htmlspecialchars, into an
// output buffer. The loop is that of loop.py.
[, $articles, $flavour, $seconds, $output] = $argv;
$site = json_decode(file_get_contents($articles), true);

function esc($text) { return htmlspecialchars($text, ENT_XML1 | ENT_QUOTES, 'UTF-8'); }

function cdata($text) { return '<![CDATA[' . str_replace(']]>', ']]]]><![CDATA[>', $text) . ']]>'; }

function feed($site, $full) {
    ob_start();
    echo '<?xml version="1.0" encoding="UTF-8"?>' . "\n"; ?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom">
<channel>
    <title><?php echo esc($site['title']); ?></title>
    <atom:link href="<?php echo esc($site['feed_url']); ?>" rel="self" type="application/rss+xml" />
    <link><?php echo esc($site['home_page_url']); ?></link>
    <description><?php echo esc($site['description']); ?></description>
    <language>vi</language>
<?php foreach ($site['items'] as $item): ?>
    <item>
        <title><?php echo esc($item['title']); ?></title>
        <link><?php echo esc($item['url']); ?></link>
        <dc:creator><?php echo cdata($item['authors'][0]['name']); ?></dc:creator>
        <pubDate><?php echo date('D, d M Y H:i:s O', strtotime($item['date_published'])); ?></pubDate>
<?php foreach ($item['tags'] as $tag): ?>
        <category><?php echo cdata($tag); ?></category>
<?php endforeach; ?>
        <guid isPermaLink="false"><?php echo esc($item['id']); ?></guid>
        <description><?php echo cdata($item['summary']); ?></description>
<?php if ($full): ?>
        <content:encoded><?php echo cdata($item['content_html']); ?></content:encoded>
<?php endif; ?>
        <enclosure url="<?php echo esc($item['image']); ?>" length="183000" type="image/jpeg" />
    </item>
<?php endforeach; ?>
</channel>
</rss>
<?php
    return ob_get_clean();
}

$took = [];
$begun = hrtime(true);
while (count($took) < 5 || hrtime(true) - $begun < $seconds * 1e9) {
    $before = hrtime(true);
    $document = feed($site, $flavour === 'full');
    $took[] = (hrtime(true) - $before) / 1e3;
}
file_put_contents($output, $document);
sort($took);
echo $took[intdiv(count($took), 2)], "\n";
